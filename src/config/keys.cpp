#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

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

/// Visits every block once for each value of each of its choices, and so meets every key.
class KeyCollector : public FieldVisitor {
 public:
  std::vector<KeyInfo> keys;

  void field(std::string_view name, int64_t& value, Range range, std::string_view doc) override {
    add(name, allowed_number(true, range), value_text(value), doc);
  }
  void field(std::string_view name, double& value, Range range, std::string_view doc) override {
    add(name, allowed_number(false, range), value_text(value), doc);
  }
  void field(std::string_view name, bool& value, std::string_view doc) override {
    add(name, "true or false", value_text(value), doc);
  }
  void field(std::string_view name, std::string& value, bool required,
             std::string_view doc) override {
    add(name, "text", required && value.empty() ? "" : "\"" + value + "\"", doc);
  }
  void field(std::string_view name, std::vector<int64_t>& value, size_t length, Range range,
             std::string_view doc) override {
    add(name, allowed_list(true, range, length), list_text(value), doc);
  }
  void field(std::string_view name, std::vector<double>& value, size_t length, Range range,
             std::string_view doc) override {
    add(name, allowed_list(false, range, length), list_text(value), doc);
  }
  void field(std::string_view name, std::vector<std::string>& value,
             std::string_view doc) override {
    add(name, "a list of texts", list_text(value), doc);
  }

  void choice(std::string_view name, std::string& value, std::span<const Choice> choices,
              std::string_view doc) override {
    const std::string key = dotted(name);
    const std::string initial = defaults_.try_emplace(key, value).first->second;
    value = key == forced_key_ ? forced_value_ : initial;
    keys.push_back({key,
                    KeyInfo::Type::choice,
                    "",
                    initial,
                    std::string(doc),
                    {choices.begin(), choices.end()}});
  }

  void block(std::string_view name, std::string_view doc, const Visit& visit) override {
    keys.push_back({dotted(name), KeyInfo::Type::block, "", "", std::string(doc), {}});
    const std::vector<KeyInfo> inside = every_pass(name, visit);
    keys.insert(keys.end(), inside.begin(), inside.end());
  }

  void kind(std::string_view name, std::string& kind, std::span<const Choice> choices,
            std::string_view doc, const Visit& options) override {
    const std::string key = dotted(name), initial = kind;
    keys.push_back({key,
                    KeyInfo::Type::kind,
                    "",
                    initial,
                    std::string(doc),
                    {choices.begin(), choices.end()}});
    for (const Choice& choice : choices) {
      kind = choice.name;
      for (KeyInfo& option : every_pass(name, options)) {
        if (option.condition.empty()) {
          option.condition = key + ".kind";
          option.values = {kind};
        }
        keys.push_back(std::move(option));
      }
    }
    kind = initial;
  }

 private:
  std::string dotted(std::string_view name) const { return prefix_ + std::string(name); }
  void add(std::string_view name, std::string allowed, std::string initial, std::string_view doc) {
    keys.push_back({dotted(name),
                    KeyInfo::Type::value,
                    std::move(allowed),
                    std::move(initial),
                    std::string(doc),
                    {}});
  }

  // The keys that one visit of a nested block meets.
  std::vector<KeyInfo> pass(std::string_view name, const Visit& visit) {
    KeyCollector inner;
    inner.prefix_ = dotted(name) + ".";
    inner.forced_key_ = forced_key_;
    inner.forced_value_ = forced_value_;
    inner.defaults_ = defaults_;
    visit(inner);
    defaults_ = std::move(inner.defaults_);
    return std::move(inner.keys);
  }

  // The keys of a nested block, whatever its choices.
  std::vector<KeyInfo> every_pass(std::string_view name, const Visit& visit) {
    const std::vector<KeyInfo> plain = pass(name, visit);
    const size_t prefix = dotted(name).size() + 1;
    std::vector<KeyInfo> found = plain;
    for (const KeyInfo& key : plain)
      if (key.type == KeyInfo::Type::choice && key.name.find('.', prefix) == key.name.npos)
        mark_conditions(key, name, visit, found);
    return found;
  }

  // Tries every value of `choice`; keys that not all of them have depend on it.
  void mark_conditions(const KeyInfo& choice, std::string_view name, const Visit& visit,
                       std::vector<KeyInfo>& found) {
    std::map<std::string, std::vector<std::string>> values;
    for (const Choice& option : choice.choices) {
      forced_key_ = choice.name;
      forced_value_ = option.name;
      for (KeyInfo& key : pass(name, visit)) {
        auto& with = values[key.name];
        if (with.empty() || with.back() != forced_value_) with.push_back(forced_value_);
        const bool known = std::any_of(found.begin(), found.end(),
                                       [&](const KeyInfo& k) { return k.name == key.name; });
        if (!known) found.push_back(std::move(key));
      }
    }
    forced_key_.clear();
    pass(name, visit);  // back to the defaults
    for (KeyInfo& key : found)
      if (key.condition.empty() && values[key.name].size() < choice.choices.size()) {
        key.condition = choice.name;
        key.values = values[key.name];
      }
  }

  std::string prefix_;
  std::string forced_key_, forced_value_;
  std::map<std::string, std::string> defaults_;
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
