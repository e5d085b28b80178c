#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>

#include "core/fields/fields.h"

namespace waiver {

/// The fields of a block as text, by dotted name; a kind stands at the name it is chosen by, its
/// options below: `normalizer` is `sigmoid`, `normalizer.normalized` is `true`.
class FieldTexts : public FieldVisitor {
 public:
  using Texts = std::map<std::string, std::string>;
  template <class Block>
  static Texts of(Block block) {
    Texts out;
    FieldTexts reader(out, "");
    block.visit(reader);
    return out;
  }

  void field(std::string_view name, int64_t& value, Range, std::string_view) override {
    add(name, value);
  }
  void field(std::string_view name, double& value, Range, std::string_view) override {
    add(name, value);
  }
  void field(std::string_view name, bool& value, std::string_view) override { add(name, value); }
  void field(std::string_view name, std::string& value, bool, std::string_view) override {
    add(name, value);
  }
  void field(std::string_view name, std::vector<int64_t>& value, size_t, Range,
             std::string_view) override {
    add(name, value);
  }
  void field(std::string_view name, std::vector<double>& value, size_t, Range,
             std::string_view) override {
    add(name, value);
  }
  void field(std::string_view name, std::vector<std::string>& value, std::string_view) override {
    add(name, value);
  }
  void choice(std::string_view name, std::string& value, std::span<const Choice>,
              std::string_view) override {
    add(name, value);
  }
  void block(std::string_view name, std::string_view,
             const std::function<void(FieldVisitor&)>& visit) override {
    FieldTexts inner(out_, prefix_ + std::string(name) + ".");
    visit(inner);
  }
  void kind(std::string_view name, std::string& kind, std::span<const Choice>, std::string_view doc,
            const std::function<void(FieldVisitor&)>& options) override {
    add(name, kind);
    block(name, doc, options);
  }

 private:
  FieldTexts(Texts& out, std::string prefix) : out_(out), prefix_(std::move(prefix)) {}
  template <class T>
  void add(std::string_view name, const T& value) {
    out_[prefix_ + std::string(name)] = fmt::format("{}", value);
  }

  Texts& out_;
  std::string prefix_;
};

}  // namespace waiver
