#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/complaints.h"
#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// Reads the map into the fields that `visit` names, and complains of whatever does not fit:
/// unknown keys, keys of another kind, wrong types, numbers out of range, unknown choices, missing
/// text. Fields that are not given keep their defaults. Hints are taken from `keys`.
void read_fields(const Node& map, const Visit& visit, std::span<const KeyInfo> keys,
                 Complaints& complaints);

/// A key that is read on its own, so that misspellings of it get a hint.
inline KeyInfo separate_key(const std::string& name) {
  return {name, KeyInfo::Type::block, "", "", "", {}};
}

/// Reads an item of a list as a block named `key`, such as `arms[0]`: `visit(v, value)` names its
/// fields, and `more` are keys besides these.
template <class T, class VisitT>
void read_item(const Node& item, const std::string& key, T& value, const VisitT& visit,
               const std::vector<KeyInfo>& more, Complaints& complaints) {
  const auto block = [&](FieldVisitor& v, T& t) {
    v.visit({key, ""}, BlockRef{[&](FieldVisitor& inner) { visit(inner, t); }});
  };
  T other;
  auto keys = collect_keys([&](FieldVisitor& v) { block(v, other); });
  keys.insert(keys.end(), more.begin(), more.end());
  Node map = Node::map(item.place);
  map.entries.push_back({key, item.place, item});
  read_fields(
      map, [&](FieldVisitor& v) { block(v, value); }, keys, complaints);
}

/// Where a key is given, or else the innermost enclosing block that is.
Place place_of(const Node& map, const std::string& key);

}  // namespace waiver
