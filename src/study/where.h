#pragma once

#include <string>
#include <vector>

#include "config/complaints.h"
#include "config/yaml.h"

namespace waiver {

/// The settings of a block that is written with dotted keys, nested ones or both, as a config
/// nests them: `{model.width: 8}` is `{model: {width: 8}}`.
Node nested_settings(const Node& block);

/// A condition on the config of a run, `{model.position.kind: rope, model.layers: [1, 2]}`: every
/// key has the value given, or one of those listed. A kind may be named by its block, a choice by
/// its alias, a number in any spelling; what a config does not say has its default.
class Where {
 public:
  /// Complains of keys that no config has, each after `prefix`.
  Where(const Node& block, Complaints& complaints, const std::string& prefix = {});

  /// Whether it holds for a config, given as far as it is written.
  bool holds(const Node& config) const;
  /// Complains that it holds for none of these configs, with the values that they have.
  void complain(const std::string& block, const std::vector<Node>& configs,
                Complaints& complaints) const;

 private:
  struct Key {
    std::string name;  // dotted
    Node wanted;
    Place place;
    bool holds(const Node& config) const;
  };
  std::vector<Key> keys_;
  Place place_;
};

}  // namespace waiver
