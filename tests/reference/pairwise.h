#pragma once

#include <string>
#include <variant>
#include <vector>

#include "reference/settings.h"

/// A small set of model configs in which every two values of two different switches occur together.
namespace waiver::reference {

using Value = std::variant<std::string, double, std::vector<double>>;

/// A key of the model's config and the values it is tried with: every word of a choice, both values
/// of a flag, the default of a number or list of numbers and another value. `needs` are the edits
/// under which the key exists.
struct Switch {
  std::string key;
  std::vector<Value> values;
  Edits needs;
};

/// Two values that no valid config combines, and the reason that the config check gives.
struct Impossible {
  std::string pair, reason;
};

struct Covering {
  std::vector<Switch> switches;
  std::vector<Edits> configs;  // each names every switch that it has
  std::vector<Impossible> impossible;
};

/// Every switch that some config has, including options of kinds; the numbers of `base` and initial
/// weights are left as they are.
std::vector<Switch> find_switches(const Edits& base);

/// Greedily, in the manner of AETG (Cohen et al., IEEE Trans. Softw. Eng. 23, 1997). Configs with
/// misfits do not count.
Covering cover_pairs(const Edits& base);

/// `key = value`.
std::string text_of(const std::string& key, const Value& value);
std::string text_of(const Edits& edits);

void set(Edits& edits, const std::string& key, const Value& value);
/// The value of each key in the config with these edits.
std::map<std::string, Value> values_of(const Edits& edits);
/// The first complaint of the config check, or an empty string.
std::string misfit_of(const Edits& edits);

}  // namespace waiver::reference
