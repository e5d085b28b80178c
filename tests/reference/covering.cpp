#include "reference/covering.h"

#include <algorithm>
#include <optional>

namespace waiver::reference {
namespace {

using Words = std::map<std::string, std::string>;
using Setting = std::pair<std::string, std::string>;  // a key and its word
using Pair = std::pair<Setting, Setting>;

class Cover {
 public:
  explicit Cover(const Edits& base) : base_(base) {
    const Words plain = *taken({});
    learn({});
    for (const auto& [key, word] : plain)
      for (const std::string& other : std::vector(words_.at(key))) learn({key, other});
    for (auto a = words_.begin(); a != words_.end(); ++a)
      for (auto b = std::next(a); b != words_.end(); ++b)
        for (const std::string& x : a->second)
          for (const std::string& y : b->second) missing_.insert({{a->first, x}, {b->first, y}});
  }

  std::vector<Edits> cases() {
    std::vector<Edits> out;
    while (!missing_.empty()) {
      const Pair pair = *missing_.begin();
      const Words seed = seed_of(pair);
      for (const Words& wanted : {filled(seed), seed})
        if (const auto words = taken(wanted); words && holds(*words, pair)) {
          std::erase_if(missing_, [&](const Pair& p) { return holds(*words, p); });
          out.push_back({*words, {}});
          break;
        }
      missing_.erase(pair);  // where it is still there, the two cannot stand together
    }
    return out;
  }

 private:
  // The words that a config has when these are asked for, or nothing where it refuses them.
  std::optional<Words> taken(const Words& wanted) const {
    ModelConfig config;
    Edits edits = base_;
    for (const auto& [key, word] : wanted) edits.words[key] = word;
    const Settings settings(config, edits, Settings::Unknown::ignored);
    if (!config.misfits().empty()) return {};
    Words words;
    for (const auto& [key, choices] : settings.all_choices()) words[key] = settings.word(key);
    return words;
  }

  // Learns of the keys that exist under one setting.
  void learn(const Setting& setting) {
    ModelConfig config;
    Edits edits = base_;
    if (!setting.first.empty()) edits.words[setting.first] = setting.second;
    const Settings settings(config, edits, Settings::Unknown::ignored);
    for (const auto& [key, choices] : settings.all_choices())
      if (words_.try_emplace(key, choices).second) home_[key] = setting;
  }

  // The two settings, and those under which their keys exist.
  Words seed_of(const Pair& pair) const {
    Words out;
    for (const auto& [key, word] : {pair.first, pair.second})
      if (const Setting& home = home_.at(key); !home.first.empty()) out[home.first] = home.second;
    out[pair.first.first] = pair.first.second;
    out[pair.second.first] = pair.second.second;
    return out;
  }

  // Every other key gets the word that brings the most missing pairs.
  Words filled(Words words) const {
    for (const auto& [key, choices] : words_) {
      if (words.contains(key)) continue;
      const auto gain = [&, &key = key](const std::string& word) {
        return std::count_if(words.begin(), words.end(), [&](const Setting& other) {
          const Setting mine{key, word};
          return missing_.contains(std::minmax(mine, other));
        });
      };
      words[key] = *std::max_element(
          choices.begin(), choices.end(),
          [&](const std::string& a, const std::string& b) { return gain(a) < gain(b); });
    }
    return words;
  }

  static bool holds(const Words& words, const Pair& pair) {
    const auto has = [&](const Setting& s) {
      const auto found = words.find(s.first);
      return found != words.end() && found->second == s.second;
    };
    return has(pair.first) && has(pair.second);
  }

  Edits base_;
  std::map<std::string, std::vector<std::string>> words_;
  std::map<std::string, Setting> home_;
  std::set<Pair> missing_;
};

}  // namespace

std::vector<Edits> pairwise(const Edits& base) { return Cover(base).cases(); }

std::string description(const Edits& edits) {
  std::string text;
  for (const auto& [key, word] : edits.words) text += (text.empty() ? "" : ", ") + key + " " + word;
  return text;
}

}  // namespace waiver::reference
