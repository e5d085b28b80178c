#include "config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "config/overlay.h"
#include "config/scalar.h"
#include "config/suggest.h"

namespace waiver {
namespace {

constexpr char kManyHint[] =
    "A run has one value; several are an experiment's grid (waiver sweep).";

template <class T>
bool within(T value, const Range& range) {
  const auto x = static_cast<double>(value);
  return std::isfinite(x) && (range.low_open ? x > range.low : x >= range.low) &&
         (range.high_open ? x < range.high : x <= range.high);
}

/// Reads one block; nested ones have readers of their own.
class Reader : public FieldVisitor {
 public:
  /// `map` is null where the block is not given.
  Reader(const Node* map, Place place, std::string prefix, std::string told,
         std::span<const KeyInfo> keys, Complaints& complaints)
      : map_(map),
        place_(std::move(place)),
        prefix_(std::move(prefix)),
        told_(std::move(told)),
        keys_(keys),
        complaints_(complaints) {}

  void read(const Visit& visit) {
    visit(*this);
    if (!map_) return;
    for (const Node::Entry& entry : map_->entries)
      if (!seen_.contains(entry.name)) unknown(entry);
  }

  void visit(const Field& field, const Ref& value) override {
    if (!field.condition.holds) return;
    const Node::Entry* entry = take(field.name);
    std::visit([&](const auto& ref) { read_one(field, entry, ref); }, value);
  }

 private:
  // A key's name in the list of keys, and in messages, which also give the place in a list.
  std::string dotted(std::string_view name) const { return prefix_ + std::string(name); }
  std::string told(std::string_view name) const { return told_ + std::string(name) + index_; }

  const Node::Entry* take(std::string_view name) {
    seen_.emplace(name);
    return map_ ? map_->find(name) : nullptr;
  }

  Reader inner(const Node::Entry* entry, const Node* map, std::string_view name) const {
    return {map,        entry ? entry->place : place_, dotted(name) + ".", told(name) + ".", keys_,
            complaints_};
  }

  void misfit(const Node::Entry& entry, const std::string& key, const std::string& expected,
              const std::string& hint = {}) {
    const bool has_place = entry.value.is_scalar() || entry.value.is_list();
    complaints_.add(has_place ? entry.value.place : entry.place, key,
                    "expected " + expected + ", found " + describe(entry.value), hint);
  }

  void read_one(const Field& field, const Node::Entry* entry, int64_t* value) {
    if (entry) number(*entry, told(field.name), field.range, *value);
  }
  void read_one(const Field& field, const Node::Entry* entry, double* value) {
    if (entry) number(*entry, told(field.name), field.range, *value);
  }
  void read_one(const Field& field, const Node::Entry* entry, bool* value) {
    if (!entry) return;
    const Node& node = entry->value;
    const bool known = node.scalar == "true" || node.scalar == "false";
    if (node.is_scalar() && !node.quoted && known)
      *value = node.scalar == "true";
    else
      misfit(*entry, told(field.name), "true or false",
             node.quoted && known ? unquote_hint(node) : "");
  }
  void read_one(const Field& field, const Node::Entry* entry, std::string* value) {
    if (!entry) {
      if (field.required && value->empty())
        complaints_.add(place_, told(field.name), "missing; it has no default");
    } else if (!entry->value.is_scalar() || (field.required && entry->value.scalar.empty())) {
      misfit(*entry, told(field.name), "text");
    } else {
      *value = entry->value.scalar;
    }
  }
  void read_one(const Field& field, const Node::Entry* entry, std::vector<std::string>* value) {
    if (!entry) return;
    const Node& node = entry->value;
    std::vector<std::string> read;
    for (const Node& item : node.items)
      if (item.is_scalar()) read.push_back(item.scalar);
    if (node.is_list() && read.size() == node.items.size())
      *value = std::move(read);
    else
      misfit(*entry, told(field.name), "a list of texts",
             node.is_scalar() ? "Write [\"" + node.scalar + "\"]." : "");
  }
  template <class T>
  void read_one(const Field& field, const Node::Entry* entry, std::vector<T>* value) {
    if (entry) list(field, *entry, *value);
  }
  void read_one(const Field& field, const Node::Entry* entry, const WordRef& ref) {
    std::optional<size_t> chosen = ref.chosen;
    if (entry) chosen = choose(*entry, told(field.name), ref);
    chosen_[dotted(field.name)] = chosen ? ref.choices[*chosen].name : "";
  }
  void read_one(const Field& field, const Node::Entry* entry, const BlockRef& block) {
    const std::string name = dotted(field.name);
    const bool has_kind = kind_of_block(keys_, name) != nullptr;
    const Node value = !entry ? Node{} : has_kind ? as_kind_map(entry->value) : entry->value;
    if (!value.is_map() && !value.is_null())
      misfit(*entry, told(field.name), has_kind ? kKindOrBlock : "a block of keys",
             block_hint(name, entry->value));
    else
      inner(entry, entry ? &value : nullptr, field.name).read(block.visit);
  }
  void read_one(const Field& field, const Node::Entry* entry, const KindRef& ref) {
    const Node map = entry ? as_kind_map(entry->value) : Node::map();
    if (!map.is_map()) {
      misfit(*entry, told(field.name), kKindOrBlock);
      return;
    }
    std::optional<size_t> chosen = ref.kind.chosen;
    if (const auto* word = map.find("kind")) chosen = choose(*word, told(field.name), ref.kind);
    if (!chosen) return;
    Reader reader = inner(entry, &map, field.name);
    reader.seen_.insert("kind");
    reader.chosen_[dotted(field.name) + ".kind"] = ref.kind.choices[*chosen].name;
    reader.read([&](FieldVisitor& v) { ref.options(v, *chosen); });
  }
  void read_one(const Field& field, const Node::Entry* entry, const KindsRef& kinds) {
    *kinds.count = 0;
    if (!entry || !entry->value.is_list()) {
      listable_ = true;
      read_one(field, entry, kinds.item(0));
      listable_ = false;
      return;
    }
    const std::vector<Node>& items = entry->value.items;
    if (items.empty()) misfit(*entry, told(field.name), "a kind, or a list with one per layer");
    *kinds.count = items.size();
    for (size_t i = 0; i < items.size(); ++i) {
      index_ = fmt::format("[{}]", i);
      const Node::Entry item{std::string(field.name), items[i].place, items[i]};
      read_one(field, &item, kinds.item(i));
      index_.clear();
    }
  }

  template <class T>
  bool number(const Node::Entry& entry, const std::string& key, Range range, T& value) {
    constexpr bool whole = std::is_same_v<T, int64_t>;
    const std::string& text = entry.value.scalar;
    const std::string expected = allowed_number(whole, range);
    T read{};
    const std::errc problem =
        entry.value.is_scalar() ? parse_number(text, read) : std::errc::invalid_argument;
    double real = 0;
    if (problem == std::errc{} && !entry.value.quoted && within(read, range)) {
      value = read;
      return true;
    }
    if (problem == std::errc{} && entry.value.quoted)
      misfit(entry, key, expected, unquote_hint(entry.value));
    else if (problem == std::errc::result_out_of_range)
      misfit(entry, key, expected, "It does not fit into 64 bits.");
    else if (whole && problem != std::errc{} && parse_number(text, real) == std::errc{} &&
             real == std::floor(real) && std::abs(real) < 1e15)
      misfit(entry, key, expected, fmt::format("Write {:.0f}.", real));
    else
      misfit(entry, key, expected, entry.value.is_list() || all_numbers(text) ? kManyHint : "");
    return false;
  }

  template <class T>
  void list(const Field& field, const Node::Entry& entry, std::vector<T>& value) {
    const auto [range, length] = std::pair(field.range, field.length);
    const std::string expected = allowed_list(std::is_same_v<T, int64_t>, range, length);
    const Node& node = entry.value;
    if (!node.is_list()) {
      misfit(entry, told(field.name), expected,
             node.is_scalar() ? "Write [" + node.scalar + "]." : "");
      return;
    }
    if (length && node.items.size() != length) {
      complaints_.add(node.place, told(field.name),
                      fmt::format("expected {}, found a list of {}", expected, node.items.size()));
      return;
    }
    std::vector<T> read(node.items.size());
    bool good = true;
    for (size_t i = 0; i < read.size(); ++i)
      good &= number({"", node.items[i].place, node.items[i]},
                     fmt::format("{}[{}]", told(field.name), i), range, read[i]);
    if (good) value = std::move(read);
  }

  // The number of the word, which is then chosen; none where it is unknown.
  std::optional<size_t> choose(const Node::Entry& entry, const std::string& key,
                               const WordRef& ref) {
    const std::span<const Choice> choices = ref.choices;
    if (entry.value.is_scalar())
      if (const Choice* choice = find_choice(choices, entry.value.scalar)) {
        const auto number = static_cast<size_t>(choice - choices.data());
        ref.choose(number);
        return number;
      }
    std::vector<std::string> names;
    for (const Choice& choice : choices) names.emplace_back(choice.name);
    misfit(entry, key, names.size() == 1 ? names[0] : "one of " + join_or(names),
           entry.value.is_map()
               ? "Write the word alone; options, where it has some, stand beside it."
               : choice_hint(entry.value, choices));
    return {};
  }

  std::string choice_hint(const Node& value, std::span<const Choice> choices) const {
    const std::vector<std::string> parts = parts_of(value.scalar);
    const bool several =
        value.is_list() || (!parts.empty() && std::ranges::all_of(parts, [&](const auto& part) {
          return find_choice(choices, part) != nullptr;
        }));
    if (!several) return nearest_choice(choices, value.scalar);
    if (!listable_) return kManyHint;
    return fmt::format(
        "Write [{}] for one per layer; several runs are an experiment's grid (waiver sweep).",
        fmt::join(parts, ", "));
  }

  void unknown(const Node::Entry& entry) {
    const std::string path = dotted(entry.name);
    std::vector<std::string> kinds;
    std::string condition;
    for (const KeyInfo& key : keys_)
      if (key.name == path && chosen_.contains(key.condition)) {
        condition = key.condition;
        for (const std::string& value : key.values)
          if (std::find(kinds.begin(), kinds.end(), value) == kinds.end()) kinds.push_back(value);
      }
    if (condition.empty()) {
      complaints_.add(entry.place, told(entry.name), "unknown key", hint_for(entry.name, path));
    } else if (!chosen_[condition].empty()) {  // unknown kinds have been complained of already
      const std::string word = condition.substr(condition.rfind('.') + 1);
      complaints_.add(entry.place, told(entry.name),
                      fmt::format("only {}{} {} {} it; the {} here is {}", word,
                                  kinds.size() == 1 ? "" : "s", join_or(kinds, "and"),
                                  kinds.size() == 1 ? "has" : "have", word, chosen_[condition]));
    }
  }

  // What may be given for a block; where there are two seeds, a single number is probably meant for
  // both.
  std::string block_hint(const std::string& path, const Node& node) const {
    std::vector<std::string> names;
    for (const KeyInfo& key : keys_)
      if (key.name.starts_with(path + ".") &&
          key.name.find('.', path.size() + 1) == key.name.npos &&
          std::ranges::find(names, key.name) == names.end())
        names.push_back(key.name);
    if (path == "seed" && is_number(node.scalar))
      return node.place.line > 0 ? fmt::format("Write {{init: {0}, data: {0}}}.", node.scalar)
                                 : fmt::format("Write seed.init={0} seed.data={0}.", node.scalar);
    return names.empty() || names.size() > 4
               ? ""
               : fmt::format("Its keys are {}.", join_or(names, "and"));
  }

  std::string hint_for(const std::string& name, const std::string& path) const {
    for (const KeyInfo& key : keys_)
      if (name.find('.') != name.npos && key.name == path)
        return "Dots are for the command line; in a file, nest blocks.";
    std::string hint = nearest_key(keys_, path);
    // For an item of a list, the key includes its place.
    if (const size_t at = hint.find(prefix_); at != hint.npos && prefix_ != told_)
      hint.replace(at, prefix_.size(), told_);
    return hint;
  }

  static constexpr char kKindOrBlock[] = "a kind or a block of keys with a kind";

  const Node* map_;
  Place place_;
  bool listable_ = false;              // the kind read next may also be a list of kinds
  std::string prefix_, told_, index_;  // `index_`: of an item of a list, `[1]`
  std::span<const KeyInfo> keys_;
  Complaints& complaints_;
  std::set<std::string, std::less<>> seen_;
  std::map<std::string, std::string> chosen_;  // the outcome of each choice of this block
};

}  // namespace

void read_fields(const Node& map, const Visit& visit, std::span<const KeyInfo> keys,
                 Complaints& complaints) {
  Reader(&map, map.place, "", "", keys, complaints).read(visit);
}

Place place_of(const Node& map, const std::string& key) {
  const Node* node = &map;
  Place place = map.place;
  for (size_t at = 0; at < key.size();) {
    const size_t dot = std::min(key.find('.', at), key.size());
    const size_t name = std::min(key.find('[', at), dot);
    const Node::Entry* entry = node->find(key.substr(at, name - at));
    if (!entry) break;
    node = &entry->value;
    place = node->is_scalar() || node->is_list() ? node->place : entry->place;
    if (name < dot && node->is_list()) {
      const size_t index = std::stoul(key.substr(name + 1));
      if (index >= node->items.size()) break;
      node = &node->items[index];
      place = node->place;
    }
    at = dot + 1;
  }
  return place;
}

}  // namespace waiver
