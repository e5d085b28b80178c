#pragma once

#include <span>
#include <string>

#include "config/complaints.h"
#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// Lays the map `above` over `below`, key by key. Where a block gets another kind, what the kind
/// below had and the new one has not is dropped; an option of the old kind never reaches the new.
/// `keys` say what has kinds. `complete`: `below` is all there is, so a kind that it does not name
/// is the default one.
void merge(Node& below, const Node& above, std::span<const KeyInfo> keys, bool complete,
           const std::string& path = {});

/// A kind may be given as a word or as a map: `rope`, `{kind: rope}`. Gives the map.
Node as_kind_map(Node node);

/// The map of a config file, with those that its `base:` names beneath it.
Node read_layers_from(const std::string& text, const std::string& name,
                      std::span<const KeyInfo> keys, Complaints& complaints);
/// A document that is a map, its duplicate keys complained of.
Node read_map(const std::string& text, const std::string& name, Complaints& complaints);
/// The text of a config's, an experiment's or a spec's file; throws UsageError, with `where` before
/// the sentence.
std::string read_text(const std::string& path, const std::string& where = {});
/// The path of a file that another file names.
std::string beside(const std::string& file, const std::string& named);

/// `key.path=value`, each over the ones before it, as one map. What is not of that form is refused
/// with a guess at what was meant, among the keys.
Node read_overrides(std::span<const std::string> overrides, std::span<const KeyInfo> keys);
/// A map that holds `value` at a dotted key.
Node nested(const std::string& key, const Place& place, Node value);

}  // namespace waiver
