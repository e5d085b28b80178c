#include "experiment/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "experiment/config.h"
#include "experiment/yaml.h"

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

size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kLongest = 200;  // longer words are far from any name
  if (std::max(a.size(), b.size()) > kLongest) return kLongest;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

size_t near_enough(std::string_view word) { return (word.size() + 2) / 3; }

std::string_view first_name(std::string_view path) { return path.substr(0, path.find('.')); }
std::string_view last_name(std::string_view path) { return path.substr(path.rfind('.') + 1); }
std::string_view parent(std::string_view path) {
  return path.substr(0, path.size() - last_name(path).size());
}

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

// The names of the lowest score, at most three.
class Nearest {
 public:
  void offer(std::string_view name, size_t score) {
    if (best_ && score > *best_) return;
    if (!best_ || score < *best_) names_.clear();
    best_ = score;
    if (std::find(names_.begin(), names_.end(), name) == names_.end() && names_.size() < 3)
      names_.emplace_back(name);
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::optional<size_t> best_;
  std::vector<std::string> names_;
};

}  // namespace

bool KeyInfo::exists_for(std::string_view value) const {
  return condition.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

std::vector<KeyInfo> collect_keys(const Visit& visit) {
  KeyCollector collector;
  visit(collector);
  return std::move(collector.keys);
}

const std::vector<KeyInfo>& config_keys() {
  static const std::vector<KeyInfo> keys = collect_keys([](FieldVisitor& v) { Config{}.visit(v); });
  return keys;
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

std::string join_or(const std::vector<std::string>& names, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? fmt::format(" {} ", last) : ", ") + names[i];
  return text;
}

std::string did_you_mean(const std::vector<std::string>& names) {
  return names.empty() ? "" : "Did you mean " + join_or(names) + "?";
}

std::vector<std::string> nearest_names(std::span<const Choice> choices, std::string_view word) {
  Nearest nearest;
  const auto offer = [&](std::string_view name) {
    const size_t distance = edit_distance(word, name);
    if (distance <= near_enough(word)) nearest.offer(name, distance);
  };
  for (const Choice& choice : choices) {
    offer(choice.name);
    if (!choice.alias.empty()) offer(choice.alias);
  }
  return nearest.names();
}

std::string nearest_choice(std::span<const Choice> choices, std::string_view word) {
  return did_you_mean(nearest_names(choices, word));
}

std::string nearest_key(std::span<const KeyInfo> keys, const std::string& path) {
  Nearest nearest;
  for (const KeyInfo& key : keys) {
    const bool sibling = parent(key.name) == parent(path);
    const size_t distance = edit_distance(last_name(path), last_name(key.name));
    if (distance > (sibling ? near_enough(last_name(path)) : 0)) continue;
    const size_t apart = sibling ? 0 : first_name(key.name) == first_name(path) ? 1 : 2;
    nearest.offer(key.name, 3 * distance + apart);
  }
  return did_you_mean(nearest.names());
}

}  // namespace waiver
