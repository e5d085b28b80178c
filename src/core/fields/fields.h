#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waiver {

/// The allowed interval of a number, ends included unless `open`.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;
};
inline Range at_least(double low) { return {low}; }
inline Range above(double low) {
  return {low, std::numeric_limits<double>::infinity(), true, false};
}
inline Range between(double low, double high) { return {low, high}; }
inline Range from_below(double low, double high) {
  return {low, high, false, true};
}  // [low, high)

/// One allowed word, what it means, and another word for it (or none).
struct Choice {
  std::string_view name;
  std::string_view doc;
  std::string_view alias = {};
};

/// Walks over the fields of a config block. A block is a struct with `void visit(FieldVisitor&)`
/// that names every field once: from that one list come parsing, validation, printing and
/// documentation. The value that a default-constructed block holds is the default.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  virtual void field(std::string_view name, int64_t& value, Range range, std::string_view doc) = 0;
  virtual void field(std::string_view name, double& value, Range range, std::string_view doc) = 0;
  virtual void field(std::string_view name, bool& value, std::string_view doc) = 0;
  /// Free text; an empty value must be given in the file when `required`.
  virtual void field(std::string_view name, std::string& value, bool required,
                     std::string_view doc) = 0;
  /// Lists; a `length` of 0 allows any.
  virtual void field(std::string_view name, std::vector<int64_t>& value, size_t length, Range range,
                     std::string_view doc) = 0;
  virtual void field(std::string_view name, std::vector<double>& value, size_t length, Range range,
                     std::string_view doc) = 0;
  /// A list of texts of any length.
  virtual void field(std::string_view name, std::vector<std::string>& value,
                     std::string_view doc) = 0;
  /// One word of several.
  virtual void choice(std::string_view name, std::string& value, std::span<const Choice> choices,
                      std::string_view doc) = 0;
  /// A nested block.
  virtual void block(std::string_view name, std::string_view doc,
                     const std::function<void(FieldVisitor&)>& visit) = 0;
  /// A choice with options of its own: `{kind: rope, base: 10000}`, or `rope` alone when every
  /// option keeps its default. `options` visits the fields of the kind that `kind` then names.
  virtual void kind(std::string_view name, std::string& kind, std::span<const Choice> choices,
                    std::string_view doc, const std::function<void(FieldVisitor&)>& options) = 0;
  /// A kind, or a list of kinds: `[{kind: rope}, none]`. `count` is the length of the list, and 0
  /// where a kind stands alone; `item(v, i)` visits the i-th, as `v.kind(name, …)`.
  virtual void kinds(std::string_view name, size_t& count,
                     const std::function<void(FieldVisitor&, size_t)>& item);
};

inline void FieldVisitor::kinds(std::string_view, size_t& count,
                                const std::function<void(FieldVisitor&, size_t)>& item) {
  for (size_t i = 0; i < (count ? count : 1); ++i) item(*this, i);
}

}  // namespace waiver
