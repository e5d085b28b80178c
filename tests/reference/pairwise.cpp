#include "reference/pairwise.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "core/random.h"

namespace waiver::reference {
namespace {

bool within(double x, const Range& r) {
  return (r.low_open ? x > r.low : x >= r.low) && (r.high_open ? x < r.high : x <= r.high);
}

// Whether a key is a number of a list: `mlp.absent.0`.
bool of_list(const std::string& key) {
  return key.find_last_not_of("0123456789") == key.rfind('.') && !key.ends_with('.');
}

// Takes away what the edits say of a key, or of the numbers of a list.
void unset(Edits& edits, const std::string& key) {
  edits.words.erase(key);
  std::erase_if(edits.numbers, [&](const auto& edit) {
    const std::string& other = edit.first;
    return other == key || (of_list(other) && other.substr(0, other.rfind('.')) == key);
  });
}

// Walks through the config under every value of every switch, since each may bring keys of its own.
// Breadth first, so that a key is found by the fewest edits that bring it.
class Finder {
 public:
  explicit Finder(const Edits& base) : waiting_{base} {
    for (; !waiting_.empty(); waiting_.pop_front()) explore(waiting_.front());
  }
  std::vector<Switch> switches;

 private:
  void explore(const Edits& edits) {
    ModelConfig config;
    const Settings settings(config, edits, Settings::Absent::ignore);
    for (const auto& [key, word] : settings.words()) {
      const auto& words = settings.choices(key);
      add(key, {words.begin(), words.end()}, edits);
    }
    for (const auto& [key, number] : settings.numbers()) {
      const Settings::Domain& domain = settings.domain(key);
      if (domain.flag)
        add(key, {0.0, 1.0}, edits);
      else if (!edits.numbers.contains(key) && !of_list(key))
        add(key, with_another(key, number, of_heads(key, numbers(domain, number)), edits), edits);
    }
    for (const auto& [key, length] : settings.lengths())
      if (length == 0 && !settings.words().contains(key))
        add(key, with_another(key, std::vector<double>{}, lists(settings.domain(key)), edits),
            edits);
  }

  static std::vector<Value> numbers(const Settings::Domain& domain, double initial) {
    const std::vector<double> all = domain.whole
                                        ? std::vector<double>{2, 3, 1, 4, 8}
                                        : std::vector<double>{0.3, 0.5, 1.5, 7, initial / 2};
    std::vector<Value> out;
    for (const double number : all)
      if (number != initial && within(number, domain.range)) out.emplace_back(number);
    return out;
  }

  // Of two heads 4 channels wide: 2 heads of keys would be shared by nobody, and a norm of 2
  // channels is a sign, which magnifies rounding.
  static std::vector<Value> of_heads(const std::string& key, const std::vector<Value>& others) {
    if (key == "kv_heads") return {Value(1.0)};
    if (key == "head_width") return {Value(6.0)};
    return others;
  }

  // Lists of one of these numbers, and of two.
  static std::vector<Value> lists(const Settings::Domain& domain) {
    std::vector<Value> out;
    for (const size_t length : {1, 2})
      for (const Value& number : numbers(domain, 0)) {
        std::vector<double> list = {std::get<double>(number)};
        if (length == 2) list.push_back(domain.whole ? list[0] - 1 : list[0] / 2);
        if (within(list.back(), domain.range)) out.emplace_back(list);
      }
    return out;
  }

  // The default, and the first of the others that the config check accepts.
  static std::vector<Value> with_another(const std::string& key, const Value& initial,
                                         const std::vector<Value>& others, const Edits& edits) {
    for (const Value& other : others) {
      Edits changed = edits;
      set(changed, key, other);
      if (misfit_of(changed).empty()) return {initial, other};
    }
    return {initial};
  }

  void add(const std::string& key, const std::vector<Value>& values, const Edits& edits) {
    if (key.starts_with("init") || key.ends_with(".std") || key == "position.strong.at") return;
    auto found = std::ranges::find(switches, key, &Switch::key);
    if (found == switches.end()) found = switches.insert(found, {key, {}, edits});
    for (const Value& value : values) {
      if (std::ranges::find(found->values, value) != found->values.end()) continue;
      found->values.push_back(value);
      waiting_.push_back(edits);
      set(waiting_.back(), key, value);
    }
  }

  std::deque<Edits> waiting_;
};

// The covering as it grows. Values of all switches are numbered through; a config is a list of
// them, one for each switch that it has.
class Cover {
 public:
  explicit Cover(const Edits& base) : base_(base), switches_(find_switches(base)) {
    for (size_t s = 0; s < switches_.size(); ++s)
      for (const Value& value : switches_[s].values) values_.push_back({s, value});
    met_.assign(values_.size(), std::vector<bool>(values_.size()));
  }

  Covering run() {
    Covering out;
    const int count = static_cast<int>(values_.size());
    for (int a = 0; a < count; ++a)
      for (int b = a + 1; b < count; ++b) {
        if (met_[a][b] || values_[a].owner == values_[b].owner) continue;
        if (const auto start = config_with(a, b, out.configs))
          out.configs.push_back(grown(*start, a, b));
        else if (!reason_.empty())
          out.impossible.push_back({text(a) + " and " + text(b), reason_});
      }
    out.switches = switches_;
    return out;
  }

 private:
  struct Numbered {
    size_t owner;
    Value value;
  };

  std::string text(int v) const {
    return text_of(switches_[values_[v].owner].key, values_[v].value);
  }
  void put(Edits& edits, int v) const {
    set(edits, switches_[values_[v].owner].key, values_[v].value);
  }

  // The numbered values of a config.
  std::vector<int> parts(const Edits& edits) const {
    const auto all = values_of(edits);
    std::vector<int> out;
    for (size_t v = 0; v < values_.size(); ++v) {
      const auto found = all.find(switches_[values_[v].owner].key);
      if (found != all.end() && found->second == values_[v].value)
        out.push_back(static_cast<int>(v));
    }
    return out;
  }

  bool has(const std::vector<int>& parts, int a, int b) const {
    return std::ranges::find(parts, a) != parts.end() && std::ranges::find(parts, b) != parts.end();
  }

  int64_t gain(const std::vector<int>& parts) const {
    int64_t fresh = 0;
    for (size_t i = 0; i < parts.size(); ++i)
      for (size_t j = i + 1; j < parts.size(); ++j) fresh += !met_[parts[i]][parts[j]];
    return fresh;
  }

  // A valid config with both values: the default one, one with a further change, one of `others` or
  // a random one with both put in. Without one, `reason_` says why, if the two keys can meet.
  std::optional<Edits> config_with(int a, int b, const std::vector<Edits>& others) {
    reason_.clear();
    const auto fits = [&](Edits& edits) {
      put(edits, a), put(edits, b);
      if (!has(parts(edits), a, b)) return false;
      const std::string reason = misfit_of(edits);
      if (reason_.empty()) reason_ = reason;
      return reason.empty();
    };
    Edits seed = base_;
    for (const int v : {a, b}) seed = merged(seed, switches_[values_[v].owner].needs);
    if (fits(seed)) return seed;
    for (size_t v = 0; v < values_.size(); ++v) {
      Edits changed = seed;
      put(changed, static_cast<int>(v));
      if (fits(changed)) return changed;
    }
    for (Edits changed : others)
      if (fits(changed)) return changed;
    for (int draw = 0; draw < 100; ++draw) {
      const Random random(2, "random config", draw);
      Edits changed = base_;
      for (size_t s = 0; s < switches_.size(); ++s)
        set(changed, switches_[s].key,
            switches_[s].values[random.below(s, std::ssize(switches_[s].values))]);
      if (fits(changed)) return changed;
    }
    return {};
  }

  // Sets one switch after another to what meets most for the first time.
  Edits grown(Edits config, int a, int b) {
    const Random random(1, "pairwise", grown_++);
    std::vector<size_t> order;
    for (size_t s = 0; s < switches_.size(); ++s)
      order.insert(order.begin() + random.below(s, static_cast<int64_t>(s) + 1), s);
    for (const size_t s : order) {
      if (s == values_[a].owner || s == values_[b].owner) continue;
      Edits best = config;
      int64_t most = gain(parts(config));
      for (const Value& value : switches_[s].values) {
        Edits changed = config;
        set(changed, switches_[s].key, value);
        const auto found = parts(changed);
        if (gain(found) <= most || !has(found, a, b) || !misfit_of(changed).empty()) continue;
        most = gain(found);
        best = std::move(changed);
      }
      config = std::move(best);
    }
    const auto all = values_of(config);
    for (const Switch& s : switches_) {
      unset(config, s.key);
      if (all.contains(s.key)) set(config, s.key, all.at(s.key));
    }
    const auto found = parts(config);
    for (const int i : found)
      for (const int j : found) met_[i][j] = true;
    return config;
  }

  static Edits merged(Edits edits, const Edits& more) {
    for (const auto& [key, word] : more.words) edits.words[key] = word;
    for (const auto& [key, number] : more.numbers) edits.numbers[key] = number;
    return edits;
  }

  const Edits& base_;
  std::vector<Switch> switches_;
  std::vector<Numbered> values_;
  std::vector<std::vector<bool>> met_;
  std::string reason_;
  uint64_t grown_ = 0;
};

}  // namespace

std::vector<Switch> find_switches(const Edits& base) { return Finder(base).switches; }

Covering cover_pairs(const Edits& base) { return Cover(base).run(); }

std::string text_of(const std::string& key, const Value& value) {
  if (const auto* word = std::get_if<std::string>(&value))
    return fmt::format("{} = {}", key, *word);
  if (const auto* list = std::get_if<std::vector<double>>(&value))
    return fmt::format("{} = [{}]", key, fmt::join(*list, ", "));
  return fmt::format("{} = {}", key, std::get<double>(value));
}

std::string text_of(const Edits& edits) {
  std::string out;
  for (const auto& [key, word] : edits.words) out += fmt::format("{} = {}, ", key, word);
  for (const auto& [key, number] : edits.numbers) out += fmt::format("{} = {}, ", key, number);
  return out;
}

void set(Edits& edits, const std::string& key, const Value& value) {
  unset(edits, key);
  if (const auto* word = std::get_if<std::string>(&value))
    edits.words[key] = *word;
  else if (const auto* list = std::get_if<std::vector<double>>(&value))
    for (size_t i = 0; i < list->size(); ++i)
      edits.numbers[fmt::format("{}.{}", key, i)] = (*list)[i];
  else
    edits.numbers[key] = std::get<double>(value);
}

std::map<std::string, Value> values_of(const Edits& edits) {
  ModelConfig config;
  const Settings settings(config, edits, Settings::Absent::ignore);
  std::map<std::string, Value> out(settings.words().begin(), settings.words().end());
  out.insert(settings.numbers().begin(), settings.numbers().end());
  for (const auto& [key, length] : settings.lengths())
    if (!out.contains(key)) out[key] = settings.list(key);
  return out;
}

std::string misfit_of(const Edits& edits) {
  ModelConfig config;
  Settings(config, edits, Settings::Absent::ignore);
  const auto misfits = config.misfits();
  return misfits.empty() ? "" : misfits[0].key + ": " + misfits[0].what;
}

}  // namespace waiver::reference
