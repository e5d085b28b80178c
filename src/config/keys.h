#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/fields.h"

namespace waiver {

/// One key that a config may have, as found by visiting the fields.
struct KeyInfo {
  enum class Type { block, kind, choice, value };

  std::string name;  // dotted
  Type type = Type::value;
  std::string allowed;        // e.g. `a number above 0`
  std::string default_value;  // empty: none, the key must be given
  std::string doc;
  std::vector<Choice> choices;
  /// The key exists only where the choice `condition` has one of these values.
  std::string condition = {};
  std::vector<std::string> values = {};

  bool exists_for(std::string_view value) const;
};

using Visit = std::function<void(FieldVisitor&)>;

/// Every key of a default-constructed block, in order, including those of every kind; options of
/// different kinds that share a name are listed once for each.
std::vector<KeyInfo> collect_keys(const Visit& visit);
/// The key that chooses the kind of the block `path`, or null where it has no kinds.
const KeyInfo* kind_of_block(std::span<const KeyInfo> keys, const std::string& path);
/// The choice that `word` names, by its name or its alias, or null.
const Choice* find_choice(std::span<const Choice> choices, std::string_view word);

/// A description of the allowed values: `a whole number in [1, 1024]`, `a number above 0`.
std::string allowed_number(bool whole, const Range& range, bool plural = false);
std::string allowed_list(bool whole, const Range& range, size_t length);

}  // namespace waiver
