#include "config/frozen.h"

#include <fmt/format.h>

#include <limits>
#include <set>

#include "config/suggest.h"
#include "core/error.h"
#include "core/rehearsal.h"
#include "model/transformer.h"

namespace waiver {
namespace {

constexpr char kKey[] = "train.freeze";

// The nearest names and patterns of whole parts: `blocks.0.*` for `block.0.*`.
std::string nearest_pattern(const ParameterSet& parameters, const std::string& pattern) {
  std::set<std::string> known;
  for (const Parameter& p : parameters.all()) {
    known.insert(p.name);
    for (size_t dot = p.name.find('.'); dot != p.name.npos; dot = p.name.find('.', dot + 1))
      known.insert(p.name.substr(0, dot + 1) + "*");
  }
  std::vector<Choice> choices;
  for (const std::string& name : known) choices.push_back({name, ""});
  return nearest_choice(choices, pattern);
}

}  // namespace

std::vector<ModelConfig::Misfit> freeze_misfits(const ModelConfig& model,
                                                const std::vector<std::string>& patterns) try {
  if (patterns.empty()) return {};
  const Rehearsal rehearsal(std::numeric_limits<int64_t>::max());
  // Names do not depend on the vocabulary.
  Transformer transformer(model, 1, 0);
  ParameterSet& parameters = transformer.parameters();
  std::vector<ModelConfig::Misfit> out;
  for (const std::string& pattern : patterns)
    if (parameters.freeze(pattern) == 0)
      out.push_back({kKey, fmt::format("no parameter of this model is called \"{}\"", pattern),
                     nearest_pattern(parameters, pattern)});
  for (const Parameter& p : parameters.all())
    if (p.variable.wants_grad()) return out;
  out.push_back({kKey, "nothing is left to learn", ""});
  return out;
} catch (const TooLarge&) {
  return {};  // too large: refused before it is built, whatever its weights are called
}

}  // namespace waiver
