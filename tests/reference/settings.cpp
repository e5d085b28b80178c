#include "reference/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace waiver::reference {

class SettingsReader : public FieldVisitor {
 public:
  SettingsReader(Settings& settings, Edits edits) : settings_(settings), edits_(std::move(edits)) {}

  void visit(const Field& field, const Ref& value) override {
    if (!field.condition.holds) return;
    const std::string name(field.name);
    std::visit(Overloaded{[&](int64_t* v) {
                            number(name, *v, {field.range, true, false});
                          },
                          [&](double* v) {
                            number(name, *v, {field.range, false, false});
                          },
                          [&](bool* v) {
                            number(name, *v, {between(0, 1), true, true});
                          },
                          [&](std::string* v) { word(name, *v); },
                          [&](std::vector<int64_t>* v) {
                            numbers(name, *v, {field.range, true, false});
                          },
                          [&](std::vector<double>* v) {
                            numbers(name, *v, {field.range, false, false});
                          },
                          [&](std::vector<std::string>* v) { texts(name, *v); },
                          [&](const WordRef& ref) { choose(name, ref); },
                          [&](const BlockRef& block) { within(name, block.visit); },
                          [&](const KindRef& ref) { kind(name, ref); },
                          [&](const KindsRef& ref) { kinds(name, ref); }},
               value);
  }

  const Edits& unused() const { return edits_; }

 private:
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }

  // A word that the config does not have is left for the reference to refuse.
  size_t choose(const std::string& name, const WordRef& ref) {
    for (const Choice& c : ref.choices) settings_.choices_[key(name)].emplace_back(c.name);
    std::string chosen(ref.word());
    word(name, chosen);
    for (size_t i = 0; i < ref.choices.size(); ++i)
      if (ref.choices[i].name == chosen) {
        ref.choose(i);
        return i;
      }
    return ref.choices.size();
  }
  void within(const std::string& name, const std::function<void(FieldVisitor&)>& visit) {
    const std::string outer = prefix_;
    prefix_ = key(name) + ".";
    visit(*this);
    prefix_ = outer;
  }
  void kind(const std::string& name, const KindRef& ref) {
    const size_t chosen = choose(name, ref.kind);
    if (chosen == ref.kind.choices.size()) throw Error(key(name), "no such kind");
    within(name, [&](FieldVisitor& v) { ref.options(v, chosen); });
  }
  void kinds(const std::string& name, const KindsRef& ref) {
    size_t& count = *ref.count;
    while (edits_.words.contains(key(name) + "." + std::to_string(count))) ++count;
    settings_.lengths_[key(name)] = count;
    if (count == 0) kind(name, ref.item(0));
    for (size_t i = 0; i < count; ++i) kind(name + "." + std::to_string(i), ref.item(i));
  }
  void texts(const std::string& name, std::vector<std::string>& values) {
    for (size_t i = 0; i < values.size(); ++i) word(name + "." + std::to_string(i), values[i]);
  }

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
