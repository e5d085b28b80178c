#include "config/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/document.h"
#include "config/overrides.h"
#include "config/suggest.h"
#include "core/error.h"
#include "core/files/files.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

std::string under(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

// The kind that a block names, by its canonical name; the default where it names none.
std::string kind_named(const Node& block, const KeyInfo& kind, bool complete) {
  const Node::Entry* entry = block.find("kind");
  if (!entry) return complete ? kind.default_value : "";
  const Choice* choice = find_choice(kind.choices, entry->value.scalar);
  return choice ? std::string(choice->name) : entry->value.scalar;
}

void drop_foreign_options(Node& below, const Node& above, std::span<const KeyInfo> keys,
                          bool complete, const std::string& path) {
  const KeyInfo* kind = kind_of_block(keys, path);
  if (!kind || !above.find("kind")) return;
  const std::string was = kind_named(below, *kind, complete), is = kind_named(above, *kind, false);
  if (was.empty() || was == is) return;
  std::erase_if(below.entries, [&](const Node::Entry& entry) {
    bool known = false;
    for (const KeyInfo& key : keys) {
      if (key.name != under(path, entry.name)) continue;
      if (key.exists_for(was) && key.exists_for(is)) return false;
      known = true;
    }
    return known;
  });
}

void complain_of_duplicates(const Node& map, const std::string& path, Complaints& complaints) {
  for (size_t i = 0; i < map.entries.size(); ++i) {
    const Node::Entry& entry = map.entries[i];
    for (size_t j = 0; j < i; ++j)
      if (map.entries[j].name == entry.name) {
        complaints.add(entry.place, under(path, entry.name), "the key appears twice",
                       fmt::format("The first is at {}.", map.entries[j].place.text()));
        break;
      }
    complain_of_duplicates(entry.value, under(path, entry.name), complaints);
  }
  for (size_t i = 0; i < map.items.size(); ++i)
    complain_of_duplicates(map.items[i], fmt::format("{}[{}]", path, i), complaints);
}

Node read_chain(const std::string& text, const std::string& name, const std::string& named_at,
                std::vector<std::string> above, std::span<const KeyInfo> keys,
                Complaints& complaints) {
  Node top = read_map(text, name, complaints);
  require_document(top, name, Document::config, named_at);
  const Node::Entry* base = top.find("base");
  if (!base) return top;
  const std::string where = base->value.place.text() + ": base";
  if (!base->value.is_scalar())
    throw UsageError(where, "expected the path of a config file, relative to this one");
  const std::string path = beside(name, base->value.scalar);
  above.push_back(fs::weakly_canonical(name).string());
  if (std::find(above.begin(), above.end(), fs::weakly_canonical(path)) != above.end())
    throw UsageError(where, path + " is already based on this file", "A chain of bases must end.");
  std::erase_if(top.entries, [](const Node::Entry& entry) { return entry.name == "base"; });
  Node below = read_chain(read_text(path, where), path, where, above, keys, complaints);
  merge(below, top, keys, true);
  below.place = top.place;
  return below;
}

// The YAML files in a folder that was given instead of a file.
std::string files_hint(const fs::path& folder) {
  std::vector<std::string> files;
  for (const std::string& name : names_in(folder))
    if (name.ends_with(".yaml") && files.size() < 5) files.push_back((folder / name).string());
  return files.empty() ? "" : fmt::format("It contains {}.", join_or(files, "and"));
}

}  // namespace

Node as_kind_map(Node node) {
  if (!node.is_scalar()) return node;
  Node map = Node::map(node.place);
  map.add("kind", std::move(node));
  return map;
}

void merge(Node& below, const Node& above, std::span<const KeyInfo> keys, bool complete,
           const std::string& path) {
  drop_foreign_options(below, above, keys, complete, path);
  for (const Node::Entry& entry : above.entries) {
    Node::Entry* old = below.find(entry.name);
    if (!old) {
      below.entries.push_back(entry);
      continue;
    }
    const std::string key = under(path, entry.name);
    const KeyInfo* kind = kind_of_block(keys, key);
    Node value = kind ? as_kind_map(entry.value) : entry.value;
    if (kind) old->value = as_kind_map(std::move(old->value));
    if (old->value.is_map() && value.is_map()) {
      merge(old->value, value, keys, complete, key);
      old->value.place = value.place;
    } else if (const bool needs_kind = kind && kind->type == KeyInfo::Type::kind;
               needs_kind || !old->value.is_map() || !value.is_null()) {
      // An empty block sets nothing.
      old->value = std::move(value);
    }
    old->place = entry.place;
  }
}

Node read_map(const std::string& text, const std::string& name, Complaints& complaints) {
  Node top = parse_yaml(text, name);
  if (top.is_null()) return Node::map(top.place);
  if (!top.is_map())
    throw UsageError(top.place.text(), "expected blocks of keys, such as `model:` and `train:`");
  complain_of_duplicates(top, "", complaints);
  return top;
}

std::string read_text(const std::string& path, const std::string& where) try {
  constexpr int64_t kMost = 16 << 20;
  return read_file(path, kMost);
} catch (const Error& problem) {
  std::error_code ignored;
  const std::string hint = fs::is_directory(path, ignored) ? files_hint(path)
                           : fs::exists(path, ignored)     ? ""
                                                           : nearest_path(path);
  throw UsageError(where.empty() ? path : where + ": " + path, problem.problem(), hint);
}

std::string beside(const std::string& file, const std::string& named) {
  return (fs::path(file).parent_path() / named).lexically_normal().string();
}

Node read_layers_from(const std::string& text, const std::string& name,
                      std::span<const KeyInfo> keys, Complaints& complaints,
                      const std::string& named_at) {
  return read_chain(text, name, named_at, {}, keys, complaints);
}

Node nested(const std::string& key, const Place& place, Node value) {
  const size_t dot = key.find('.');
  Node map = Node::map(place);
  const std::string name = key.substr(0, dot);
  if (dot != key.npos) value = nested(key.substr(dot + 1), place, std::move(value));
  map.entries.push_back({name, place, std::move(value)});
  return map;
}

Node read_overrides(std::span<const std::string> overrides, std::span<const KeyInfo> keys) {
  Node all = Node::map({"override", 0, 0});
  for (size_t i = 0; i < overrides.size(); ++i) {
    const std::string& text = overrides[i];
    const Place place{"override " + text, 0, 0};
    check_override(overrides.subspan(i), place, keys);
    const size_t equals = text.find('=');
    merge(all,
          nested(text.substr(0, equals), place,
                 parse_yaml(text.substr(equals + 1), place.source, place)),
          keys, false);
  }
  return all;
}

}  // namespace waiver
