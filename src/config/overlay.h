#pragma once

#include <span>
#include <string>

#include "config/complaints.h"
#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// Lays the map `above` over `below`, key by key. Where a block gets another kind, options that the
/// new kind lacks are dropped; an option of the old kind never reaches the new one. `keys` say
/// which blocks have kinds. `complete`: `below` is all there is, so a kind that it does not name is
/// the default one.
void merge(Node& below, const Node& above, std::span<const KeyInfo> keys, bool complete,
           const std::string& path = {});

/// A kind may be given as a word or as a map: `rope`, `{kind: rope}`. Returns the map.
Node as_kind_map(Node node);

/// The map of a config file, laid over those that its `base:` names. `named_at`: the place that
/// names the file, if another file does.
Node read_layers_from(const std::string& text, const std::string& name,
                      std::span<const KeyInfo> keys, Complaints& complaints,
                      const std::string& named_at = {});
/// A document that is a map; complains of duplicate keys.
Node read_map(const std::string& text, const std::string& name, Complaints& complaints);
/// The text of the file of a config, an experiment or a spec; throws UsageError, with `where`
/// before the sentence.
std::string read_text(const std::string& path, const std::string& where = {});
/// The path of a file that another file names.
std::string beside(const std::string& file, const std::string& named);

/// Overrides of the form `key.path=value` as one map, later ones over earlier ones. Anything else
/// is refused with a guess, among the keys, at what was meant.
Node read_overrides(std::span<const std::string> overrides, std::span<const KeyInfo> keys);
/// A map that holds `value` at a dotted key.
Node nested(const std::string& key, const Place& place, Node value);

}  // namespace waiver
