#include "study/where.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "config/config.h"
#include "config/overlay.h"
#include "config/scalar.h"
#include "config/suggest.h"

namespace waiver {
namespace {

// The description of a key; that of its block where it chooses a kind.
const KeyInfo* key_info(std::string_view name) {
  const auto& keys = config_keys();
  const auto is = [&](const KeyInfo& key) {
    return key.name == name || (key.type == KeyInfo::Type::kind && key.name + ".kind" == name);
  };
  const auto at = std::ranges::find_if(keys, is);
  return at == keys.end() ? nullptr : &*at;
}

// A choice by its name, whatever it was called.
std::string unaliased(const std::string& text, const KeyInfo* key) {
  const Choice* choice = key ? find_choice(key->choices, text) : nullptr;
  return choice ? std::string(choice->name) : text;
}

// Texts that mean the same become the same.
std::string canonical(const std::string& word, const KeyInfo* key) {
  const std::string text = unaliased(word, key);
  int64_t whole = 0;  // a seed may need more digits than a double has
  if (parse_number(text, whole) == std::errc()) return std::to_string(whole);
  double number = 0;
  if (parse_number(text, number) != std::errc()) return text;
  constexpr double kExact = 9007199254740992;  // 2⁵³
  return std::trunc(number) == number && std::abs(number) <= kExact
             ? std::to_string(static_cast<int64_t>(number))
             : number_text(number);
}

bool same(const Node& a, const Node& b, const KeyInfo* key) {
  if (a.is_list() && b.is_list())
    return std::ranges::equal(a.items, b.items,
                              [&](const Node& x, const Node& y) { return same(x, y, key); });
  return a.is_scalar() && b.is_scalar() && canonical(a.scalar, key) == canonical(b.scalar, key);
}

std::optional<Node> value_at(const Node& config, const std::string& name);

// Complains of blocks without a key: they would be no condition.
void refuse_empty_blocks(const Node& block, const std::string& prefix, Complaints& complaints) {
  for (const Node::Entry& entry : block.entries) {
    if (!entry.value.is_map()) continue;
    if (entry.value.entries.empty())
      complaints.add(entry.value.place, prefix + entry.name, "the block is empty",
                     "Name one of its keys, or leave it out.");
    refuse_empty_blocks(entry.value, prefix + entry.name + ".", complaints);
  }
}

// The words of a list with a kind for each layer.
std::optional<Node> kinds_of(const Node& list) {
  Node out = Node::list(list.place);
  for (const Node& item : list.items) {
    const Node::Entry* kind = item.find("kind");
    out.items.push_back(kind ? kind->value : item);
  }
  return out;
}

std::optional<Node> default_at(const Node& config, const std::string& name) {
  const bool kind = name.ends_with(".kind");
  for (const KeyInfo& key : config_keys()) {
    const bool this_kind = kind && key.type == KeyInfo::Type::kind && key.name + ".kind" == name;
    if ((key.name != name && !this_kind) || key.default_value.empty()) continue;
    const auto choice = key.condition.empty() ? std::nullopt : value_at(config, key.condition);
    if (choice && !key.exists_for(canonical(choice->scalar, key_info(key.condition)))) continue;
    return parse_yaml(key.default_value, "default");
  }
  return {};
}

// What a config has at a key; none where its kinds lack it.
std::optional<Node> value_at(const Node& config, const std::string& name) {
  Node at = config;
  for (size_t begin = 0; begin < name.size();) {
    const size_t dot = std::min(name.find('.', begin), name.size());
    if (begin > 0 && kind_of_block(config_keys(), name.substr(0, begin - 1)))
      at = as_kind_map(std::move(at));
    if (at.is_list()) return name.substr(begin) == "kind" ? kinds_of(at) : std::nullopt;
    const Node::Entry* entry = at.find(name.substr(begin, dot - begin));
    if (!entry) return default_at(config, name);
    at = Node(entry->value);
    begin = dot + 1;
  }
  return at;
}

}  // namespace

Node nested_settings(const Node& block) {
  Node all = Node::map(block.place);
  for (const Node::Entry& entry : block.entries)
    merge(all, nested(entry.name, entry.place, entry.value), config_keys(), false);
  return all;
}

Where::Where(const Node& block, Complaints& complaints, const std::string& prefix)
    : place_(block.place) {
  refuse_empty_blocks(block, prefix, complaints);
  for_each_leaf(nested_settings(block), "", [&](std::string key, const Node::Entry& entry) {
    const KeyInfo* info = key_info(key);
    if (info && info->type == KeyInfo::Type::kind && info->name == key) key += ".kind";
    if (!info)
      complaints.add(entry.place, prefix + key, "unknown key", nearest_key(config_keys(), key));
    else if (info->type == KeyInfo::Type::block)
      complaints.add(entry.value.place, prefix + key,
                     "this is a block of keys, and one of them is needed");
    else
      keys_.push_back({key, entry.value, entry.value.place});
  });
}

bool Where::Key::holds(const Node& config) const {
  const auto is = value_at(config, name);
  if (!is) return false;
  const KeyInfo* info = key_info(name);
  const bool several =
      wanted.is_list() && (!is->is_list() || std::ranges::any_of(wanted.items, &Node::is_list));
  if (!several) return same(*is, wanted, info);
  return std::ranges::any_of(wanted.items, [&](const Node& one) { return same(*is, one, info); });
}

bool Where::holds(const Node& config) const {
  return std::ranges::all_of(keys_, [&](const Key& key) { return key.holds(config); });
}

void Where::complain(const std::string& block, const std::vector<Node>& configs,
                     Complaints& complaints) const {
  for (const Key& key : keys_) {
    if (std::ranges::any_of(configs, [&](const Node& config) { return key.holds(config); }))
      continue;
    std::vector<std::string> values;
    for (const Node& config : configs)
      if (const auto value = value_at(config, key.name)) {
        const std::string text =
            value->is_scalar() ? unaliased(value->scalar, key_info(key.name)) : emit_flow(*value);
        if (std::ranges::find(values, text) == values.end() && values.size() < 10)
          values.push_back(text);
      }
    complaints.add(
        key.place, block + ": " + key.name,
        fmt::format("no run has {} here", emit_flow(key.wanted)),
        values.empty() ? "No run has this key." : "They have " + join_or(values, "and") + ".");
    return;
  }
  complaints.add(place_, block, "no run has all of these settings at once",
                 "Take it out, or correct it.");
}

}  // namespace waiver
