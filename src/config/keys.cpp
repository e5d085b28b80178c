#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/yaml.h"

namespace waiver {
namespace {

template <class T>
std::string value_text(const T& value) {
  if constexpr (std::is_same_v<T, double>)
    return number_text(value);
  else
    return fmt::format("{}", value);
}

template <class T>
std::string list_text(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : ", ") + value_text(value);
  return "[" + text + "]";
}

/// The keys of a block, in order, each with the condition under which it exists.
class KeyCollector : public FieldVisitor {
 public:
  std::vector<KeyInfo> keys;

  explicit KeyCollector(std::string prefix = "") : prefix_(std::move(prefix)) {}

  void visit(const Field& field, const Ref& value) override {
    if (const auto* kinds = std::get_if<KindsRef>(&value)) return visit(field, kinds->item(0));
    const std::string name = prefix_ + std::string(field.name);
    KeyInfo key{name, KeyInfo::Type::value, "", "", std::string(field.doc), {}};
    if (!field.condition.choice.empty()) {
      key.condition = prefix_ + std::string(field.condition.choice);
      key.values.assign(field.condition.words.begin(), field.condition.words.end());
    }
    describe(key, field, value);
    keys.push_back(std::move(key));
    add_inner(name, value);
  }

 private:
  // What it may hold, and its default.
  static void describe(KeyInfo& key, const Field& field, const Ref& value) {
    const auto is = [&](std::string allowed, std::string initial) {
      key.allowed = std::move(allowed);
      key.default_value = std::move(initial);
    };
    const auto word = [&](KeyInfo::Type type, const WordRef& ref) {
      key.type = type;
      key.default_value = ref.word();
      key.choices.assign(ref.choices.begin(), ref.choices.end());
    };
    std::visit(
        Overloaded{[&](int64_t* v) { is(allowed_number(true, field.range), value_text(*v)); },
                   [&](double* v) { is(allowed_number(false, field.range), value_text(*v)); },
                   [&](bool* v) { is("true or false", value_text(*v)); },
                   [&](std::string* v) {
                     is("text", field.required && v->empty() ? "" : "\"" + *v + "\"");
                   },
                   [&](std::vector<int64_t>* v) {
                     is(allowed_list(true, field.range, field.length), list_text(*v));
                   },
                   [&](std::vector<double>* v) {
                     is(allowed_list(false, field.range, field.length), list_text(*v));
                   },
                   [&](std::vector<std::string>* v) { is("a list of texts", list_text(*v)); },
                   [&](const WordRef& ref) { word(KeyInfo::Type::choice, ref); },
                   [&](const BlockRef&) { key.type = KeyInfo::Type::block; },
                   [&](const KindRef& ref) { word(KeyInfo::Type::kind, ref.kind); },
                   [](const KindsRef&) {}},
        value);
  }

  // The keys below it, of every kind.
  void add_inner(const std::string& name, const Ref& value) {
    if (const auto* block = std::get_if<BlockRef>(&value)) {
      KeyCollector inner(name + ".");
      block->visit(inner);
      keys.insert(keys.end(), inner.keys.begin(), inner.keys.end());
    } else if (const auto* ref = std::get_if<KindRef>(&value)) {
      for (size_t i = 0; i < ref->kind.choices.size(); ++i) {
        KeyCollector inner(name + ".");
        ref->options(inner, i);
        for (KeyInfo& option : inner.keys) {
          if (option.condition.empty()) {
            option.condition = name + ".kind";
            option.values = {std::string(ref->kind.choices[i].name)};
          }
          keys.push_back(std::move(option));
        }
      }
    }
  }

  std::string prefix_;
};

std::string bound(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                              : fmt::format("{}", value);
}

std::string interval(const Range& r) {
  const bool low = std::isfinite(r.low), high = std::isfinite(r.high);
  if (low && high)
    return fmt::format(" in {}{}, {}{}", r.low_open ? '(' : '[', bound(r.low), bound(r.high),
                       r.high_open ? ')' : ']');
  if (low) return (r.low_open ? " above " : " of at least ") + bound(r.low);
  if (high) return (r.high_open ? " below " : " of at most ") + bound(r.high);
  return "";
}

}  // namespace

bool KeyInfo::exists_for(std::string_view value) const {
  return condition.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

std::vector<KeyInfo> collect_keys(const Visit& visit) {
  KeyCollector collector;
  visit(collector);
  return std::move(collector.keys);
}

const KeyInfo* kind_of_block(std::span<const KeyInfo> keys, const std::string& path) {
  for (const KeyInfo& key : keys)
    if ((key.type == KeyInfo::Type::kind && key.name == path) ||
        (key.type == KeyInfo::Type::choice && key.name == path + ".kind"))
      return &key;
  return nullptr;
}

const Choice* find_choice(std::span<const Choice> choices, std::string_view word) {
  for (const Choice& choice : choices)
    if (choice.name == word || (!choice.alias.empty() && choice.alias == word)) return &choice;
  return nullptr;
}

std::string allowed_number(bool whole, const Range& range, bool plural) {
  return std::string(plural ? "" : "a ") + (whole ? "whole number" : "number") +
         (plural ? "s" : "") + interval(range);
}

std::string allowed_list(bool whole, const Range& range, size_t length) {
  return "a list of " + (length ? std::to_string(length) + " " : "") +
         allowed_number(whole, range, true);
}

}  // namespace waiver
