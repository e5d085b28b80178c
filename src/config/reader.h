#pragma once

#include <span>
#include <string>

#include "config/complaints.h"
#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// Reads the map into the fields that `visit` names, and complains of whatever does not fit:
/// unknown keys, keys of another kind, wrong types, numbers out of range, unknown choices, missing
/// text. Fields that are not given keep their defaults. Hints are taken from `keys`.
void read_fields(const Node& map, const Visit& visit, std::span<const KeyInfo> keys,
                 Complaints& complaints);

/// Where a key is given, or else the innermost enclosing block that is.
Place place_of(const Node& map, const std::string& key);

}  // namespace waiver
