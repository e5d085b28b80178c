#include "reference/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace waiver::reference {

class SettingsReader : public FieldVisitor {
 public:
  SettingsReader(Settings& settings, Edits edits) : settings_(settings), edits_(std::move(edits)) {}

  void field(std::string_view name, int64_t& value, Range range, std::string_view) override {
    number(name, value, {range, true, false});
  }
  void field(std::string_view name, double& value, Range range, std::string_view) override {
    number(name, value, {range, false, false});
  }
  void field(std::string_view name, bool& value, std::string_view) override {
    number(name, value, {between(0, 1), true, true});
  }
  void field(std::string_view name, std::string& value, bool, std::string_view) override {
    word(name, value);
  }
  void field(std::string_view name, std::vector<int64_t>& values, size_t, Range range,
             std::string_view) override {
    numbers(name, values, {range, true, false});
  }
  void field(std::string_view name, std::vector<double>& values, size_t, Range range,
             std::string_view) override {
    numbers(name, values, {range, false, false});
  }
  void field(std::string_view name, std::vector<std::string>& values, std::string_view) override {
    for (size_t i = 0; i < values.size(); ++i)
      word(std::string(name) + "." + std::to_string(i), values[i]);
  }
  void choice(std::string_view name, std::string& value, std::span<const Choice> choices,
              std::string_view) override {
    for (const Choice& c : choices) settings_.choices_[key(name)].emplace_back(c.name);
    word(name, value);
  }
  void block(std::string_view name, std::string_view,
             const std::function<void(FieldVisitor&)>& visit) override {
    const std::string outer = prefix_;
    prefix_ = key(name) + ".";
    visit(*this);
    prefix_ = outer;
  }
  void kind(std::string_view name, std::string& kind, std::span<const Choice> choices,
            std::string_view doc, const std::function<void(FieldVisitor&)>& options) override {
    const std::string full = std::string(name) + std::exchange(item_, "");
    choice(full, kind, choices, doc);
    block(full, doc, options);
  }
  void kinds(std::string_view name, size_t& count,
             const std::function<void(FieldVisitor&, size_t)>& item) override {
    while (edits_.words.contains(key(name) + "." + std::to_string(count))) ++count;
    settings_.lengths_[key(name)] = count;
    if (count == 0) item(*this, 0);
    for (size_t i = 0; i < count; ++i) {
      item_ = "." + std::to_string(i);
      item(*this, i);
    }
  }

  const Edits& unused() const { return edits_; }

 private:
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }

  template <class T>
  void number(std::string_view name, T& value, Settings::Domain domain) {
    if (auto edit = edits_.numbers.extract(key(name))) value = static_cast<T>(edit.mapped());
    settings_.numbers_[key(name)] = static_cast<double>(value);
    settings_.domains_[key(name)] = domain;
  }
  template <class T>
  void numbers(std::string_view name, std::vector<T>& values, Settings::Domain domain) {
    const auto at = [&](size_t i) { return std::string(name) + "." + std::to_string(i); };
    while (edits_.numbers.contains(key(at(values.size())))) values.emplace_back();
    for (size_t i = 0; i < values.size(); ++i) number(at(i), values[i], domain);
    settings_.lengths_[key(name)] = values.size();
    settings_.domains_[key(name)] = domain;
  }
  void word(std::string_view name, std::string& value) {
    if (auto edit = edits_.words.extract(key(name))) value = edit.mapped();
    settings_.words_[key(name)] = value;
  }

  Settings& settings_;
  Edits edits_;
  std::string prefix_;
  std::string item_;  // `.0` while the first of several kinds is visited
};

namespace {
template <class T>
const T& find(const std::map<std::string, T>& values, const std::string& key) {
  const auto found = values.find(key);
  if (found == values.end()) throw Error(key, "the model's config has no such key");
  return found->second;
}
}  // namespace

Settings::Settings(ModelConfig& config, const Edits& edits, Absent absent) {
  SettingsReader reader(*this, edits);
  config.visit(reader);
  if (absent == Absent::ignore) return;
  for (const auto& [key, value] : reader.unused().words) find(words_, key);
  for (const auto& [key, value] : reader.unused().numbers) find(numbers_, key);
}

double Settings::number(const std::string& key) const {
  read_.insert(key);
  return find(numbers_, key);
}

const std::string& Settings::word(const std::string& key) const {
  read_.insert(key);
  return find(words_, key);
}

const std::string& Settings::known(const std::string& key, const std::vector<std::string>& words,
                                   const std::string& where) const {
  const std::string& chosen = word(key);
  if (std::find(words.begin(), words.end(), chosen) == words.end())
    throw Error(
        "tests/reference/" + where.substr(0, where.find(':')),
        key + " = " + chosen + " has no reference yet",
        fmt::format("Add \"{}\" to the words there, and what it computes to {}.", chosen, where));
  return chosen;
}

size_t Settings::length(const std::string& key) const { return find(lengths_, key); }

std::vector<double> Settings::list(const std::string& key) const {
  std::vector<double> out;
  for (size_t i = 0; i < length(key); ++i) out.push_back(number(key + "." + std::to_string(i)));
  return out;
}

const std::vector<std::string>& Settings::choices(const std::string& key) const {
  return find(choices_, key);
}

const Settings::Domain& Settings::domain(const std::string& key) const {
  return find(domains_, key);
}

std::set<std::string> Settings::unread() const {
  std::set<std::string> keys;
  for (const auto& [key, value] : numbers_) keys.insert(key);
  for (const auto& [key, value] : words_) keys.insert(key);
  for (const std::string& key : read_) keys.erase(key);
  return keys;
}

}  // namespace waiver::reference
