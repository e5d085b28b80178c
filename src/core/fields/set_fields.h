#pragma once

#include <fmt/format.h>

#include <map>
#include <sstream>
#include <string>

#include "core/fields/fields.h"

namespace waiver {

/// What a field is set to: a word, or a number.
struct FieldText : std::string {
  using std::string::string;
  FieldText(const std::string& text) : std::string(text) {}
  FieldText(std::string_view text) : std::string(text) {}
  FieldText(double number) : std::string(fmt::format("{}", number)) {}
};

/// Sets the fields of a config block, or the options of a kind, by dotted name, without a check; a
/// list of whole numbers is `1,2`, and other lists keep what they have.
class SetFields : public FieldVisitor {
 public:
  using Values = std::map<std::string, FieldText>;
  explicit SetFields(Values values, std::string prefix = "")
      : values_(std::move(values)), prefix_(std::move(prefix)) {}
  void field(std::string_view n, int64_t& v, Range, std::string_view) override {
    if (find(n)) v = std::stoll(*find(n));
  }
  void field(std::string_view n, double& v, Range, std::string_view) override {
    if (find(n)) v = std::stod(*find(n));
  }
  void field(std::string_view n, bool& v, std::string_view) override {
    if (find(n)) v = *find(n) == "true" || *find(n) == "1";
  }
  void field(std::string_view n, std::string& v, bool, std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void choice(std::string_view n, std::string& v, std::span<const Choice>,
              std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void field(std::string_view n, std::vector<int64_t>& v, size_t, Range,
             std::string_view) override {
    if (!find(n)) return;
    v.clear();
    std::istringstream cells(*find(n));
    for (std::string cell; std::getline(cells, cell, ',');) v.push_back(std::stoll(cell));
  }
  void field(std::string_view, std::vector<double>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void block(std::string_view n, std::string_view,
             const std::function<void(FieldVisitor&)>& visit) override {
    SetFields inner(values_, prefix_ + std::string(n) + ".");
    visit(inner);
  }
  void kind(std::string_view n, std::string& kind, std::span<const Choice>, std::string_view doc,
            const std::function<void(FieldVisitor&)>& options) override {
    if (find(n)) kind = *find(n);
    block(n, doc, options);
  }

 private:
  const FieldText* find(std::string_view name) const {
    const auto at = values_.find(prefix_ + std::string(name));
    return at == values_.end() ? nullptr : &at->second;
  }
  Values values_;
  std::string prefix_;
};

}  // namespace waiver
