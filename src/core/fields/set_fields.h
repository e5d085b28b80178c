#pragma once

#include <fmt/format.h>

#include <map>
#include <sstream>
#include <string>

#include "core/error.h"
#include "core/fields/fields.h"

namespace waiver {

/// The value that a field is set to: a word or a number.
struct FieldText : std::string {
  using std::string::string;
  FieldText(const std::string& text) : std::string(text) {}
  FieldText(std::string_view text) : std::string(text) {}
  FieldText(double number) : std::string(fmt::format("{}", number)) {}
};

/// Sets the fields of a config block, or the options of a kind, by dotted name, without checking
/// ranges; a list of integers is `1,2`, and other lists keep what they have. Throws UsageError for
/// a word that is not among the choices.
class SetFields : public FieldVisitor {
 public:
  using Values = std::map<std::string, FieldText>;
  explicit SetFields(Values values, std::string prefix = "")
      : values_(std::move(values)), prefix_(std::move(prefix)) {}

  void visit(const Field& field, const Ref& value) override {
    if (!field.condition.holds) return;
    const std::string key = prefix_ + std::string(field.name);
    const auto found = values_.find(key);
    const FieldText* text = found == values_.end() ? nullptr : &found->second;
    SetFields inner(values_, key + ".");
    if (const auto* block = std::get_if<BlockRef>(&value))
      block->visit(inner);
    else if (const auto* ref = std::get_if<KindRef>(&value))
      ref->options(inner, text ? choose(key, *text, ref->kind) : ref->kind.chosen);
    else if (text)
      set(key, *text, value);
  }

 private:
  static void set(const std::string& key, const std::string& text, const Ref& value) {
    std::visit(
        Overloaded{[&](int64_t* v) { *v = std::stoll(text); },
                   [&](double* v) { *v = std::stod(text); },
                   [&](bool* v) { *v = text == "true" || text == "1"; },
                   [&](std::string* v) { *v = text; },
                   [&](std::vector<int64_t>* v) { *v = numbers(text); },
                   [&](const WordRef& word) { choose(key, text, word); }, [](const auto&) {}},
        value);
  }
  static size_t choose(const std::string& key, const std::string& text, const WordRef& word) {
    for (size_t i = 0; i < word.choices.size(); ++i)
      if (word.choices[i].name == text) {
        word.choose(i);
        return i;
      }
    throw UsageError(key, text + " is not one of its words");
  }
  static std::vector<int64_t> numbers(const std::string& text) {
    std::vector<int64_t> out;
    std::istringstream cells(text);
    for (std::string cell; std::getline(cells, cell, ',');) out.push_back(std::stoll(cell));
    return out;
  }

  Values values_;
  std::string prefix_;
};

}  // namespace waiver
