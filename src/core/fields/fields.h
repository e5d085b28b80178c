#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace waiver {

class FieldVisitor;

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

/// The word of an enum, from `std::span<const Choice> words(E)`, which is declared beside it and
/// has one entry for each of its values, in order.
template <class E>
std::string_view word(E value) {
  return words(value)[static_cast<size_t>(value)].name;
}

/// When a field exists: when the choice `choice` of the same block has one of these words.
struct Condition {
  std::string_view choice;  // empty: everywhere
  std::vector<std::string_view> words;
  bool holds = true;
};
template <class E>
Condition where(std::string_view choice, E value, std::initializer_list<E> allowed) {
  Condition out{choice, {}, false};
  for (const E one : allowed) {
    out.words.push_back(word(one));
    out.holds |= one == value;
  }
  return out;
}

/// The description of one field: its name, what it means, and what it may hold.
struct Field {
  std::string_view name;
  std::string_view doc;
  Range range = {};          // of a number, or of each number of a list
  size_t length = 0;         // of a list; 0: any
  bool required = false;     // of a text: whether it must be given
  Condition condition = {};  // every field is visited, even those that do not exist here

  Field must_be_given() const {
    Field out = *this;
    out.required = true;
    return out;
  }
  Field only(Condition condition) const {
    Field out = *this;
    out.condition = std::move(condition);
    return out;
  }
};

/// One word of several, numbered from 0.
struct WordRef {
  std::span<const Choice> choices;
  size_t chosen;
  std::function<void(size_t)> choose;
  std::string_view word() const { return choices[chosen].name; }
};
/// A nested block.
struct BlockRef {
  std::function<void(FieldVisitor&)> visit;
};
/// A choice with options of its own: `{kind: rope, base: 10000}`, or `rope` alone when every option
/// keeps its default. `options(v, i)` visits those of the i-th kind: as they are for the chosen
/// kind, at their defaults for another.
struct KindRef {
  WordRef kind;
  std::function<void(FieldVisitor&, size_t)> options;
};
/// A kind, or a list of kinds: `[{kind: rope}, none]`. `count` is the length of the list, or 0 for
/// a single kind, which is then item(0); item(i) of a longer list exists once `count` says so.
struct KindsRef {
  size_t* count;
  std::function<KindRef(size_t)> item;
  size_t size() const { return *count ? *count : 1; }
};

/// A reference to the value of a field.
using Ref = std::variant<int64_t*, double*, bool*, std::string*, std::vector<int64_t>*,
                         std::vector<double>*, std::vector<std::string>*, WordRef, BlockRef,
                         KindRef, KindsRef>;
/// Enums by their words, blocks by their `visit`, kinds by their `ref`, everything else by address.
template <class T>
Ref ref_to(T& value) {
  if constexpr (std::is_enum_v<T>)
    return WordRef{words(value), static_cast<size_t>(value),
                   [&value](size_t i) { value = static_cast<T>(i); }};
  else if constexpr (requires { value.ref(); })
    return value.ref();
  else if constexpr (requires(FieldVisitor & v) { value.visit(v); })
    return BlockRef{[&value](FieldVisitor& v) { value.visit(v); }};
  else
    return &value;
}

/// Walks over the fields of a config block. A block is a struct with `void visit(FieldVisitor&)`
/// that names every field once: from that one list come parsing, validation, printing and
/// documentation. The value that a default-constructed block holds is the default.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void visit(const Field& field, const Ref& value) = 0;

  template <class T>
  void field(const Field& field, T& value) {
    visit(field, ref_to(value));
  }
};

/// Several functions as one overload set, for std::visit.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

}  // namespace waiver
