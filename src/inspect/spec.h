#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/keys.h"
#include "model/config.h"
#include "probe/edits/edits.h"

namespace waiver {

/// One variant of a forward pass.
struct InterventionArm {
  std::string name;
  std::vector<EditConfig> edits;  // none: the natural pass again
};

/// What is done to a model, and the names of positions.
struct InterventionSpec {
  std::string path, text;  // the file
  std::string title, question;
  PositionNames positions;
  std::vector<InterventionArm> arms;
};

/// Reads a spec for a model:
///   title, question: text
///   positions: {waiver: 0, other: 5}  names that edits may use. `waiver` may be omitted: it is
///                                     then the key that the most attention goes to
///   arms: [{name: zero, edits: [{at: [blocks.*.attn.v], edit: zero, positions: [waiver]}]}]
/// `at` may be a single text. An arm whose points begin with `blocks.L.` stands for one arm a
/// block, whose number ends its name. Overrides (`positions.other=7`) come last. Throws one
/// UsageError that lists everything wrong, including edits that do not suit this model or its
/// vocabulary.
InterventionSpec load_intervention(const std::string& path, std::span<const std::string> overrides,
                                   const ModelConfig& model, int64_t vocabulary);

/// The name of the position that may be left for the program to find.
inline constexpr char kWaiver[] = "waiver";

/// Every key of a spec; those of lists are named like `arms[].name`.
std::vector<KeyInfo> intervention_keys();
/// Markdown: every key, rule and point of a spec.
std::string intervention_docs();

}  // namespace waiver
