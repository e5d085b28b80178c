#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/docs.h"
#include "inspect/spec.h"

namespace waiver {
namespace {

std::string key_table() {
  std::string text = kKeyTable;
  for (const KeyInfo& key : intervention_keys())
    if (key.type != KeyInfo::Type::block && key.condition.empty()) text += key_row(key);
  return text;
}

// `from` (must be given): position that the vector is taken from
std::string options_of(EditRule& rule) {
  std::string text;
  for (const KeyInfo& key : collect_keys([&](FieldVisitor& v) { rule.options(v); }))
    text += fmt::format(
        "{}`{}` ({}, {}): {}", text.empty() ? "" : "<br>", key.name, key.allowed,
        key.default_value.empty() ? "must be given" : "default " + key.default_value, key.doc);
  return text;
}

std::string rule_table() {
  std::string text = "| edit | what it puts there | options |\n|---|---|---|\n";
  for (const auto& entry : registry<EditRule>())
    text += fmt::format("| `{}` | {} | {} |\n", entry.name, entry.doc, options_of(*entry.make()));
  return text;
}

std::string point_table() {
  std::string text = "| at | shape | what it holds | edits |\n|---|---|---|---|\n";
  for (const PointInfo& point : points()) {
    if (!point.edited) continue;
    std::vector<std::string> rules;
    for (const auto& entry : registry<EditRule>())
      if (entry.make()->suits(point.kind)) rules.emplace_back(entry.name);
    text += fmt::format("| `{}{}` | {} | {} | {} |\n", point.in_block() ? "blocks.L." : "",
                        point.name, point.shape, point.what, fmt::join(rules, ", "));
  }
  return text;
}

}  // namespace

std::string intervention_docs() {
  return fmt::format(
      "# Every key of a spec of interventions\n\n"
      "`waiver intervene RUN SPEC.yaml` measures a trained model on its probe batch, first "
      "unchanged, then once for each arm, whose edits change the pass at named points. `positions` "
      "gives "
      "names "
      "to positions, `positions: {{waiver: 0, other: 5}}`; on the command line, "
      "`positions.other=7` gives another. `waiver` may be omitted: it is then the key that the "
      "strongest head attends to most in the natural pass.\n\n{}\n"
      "## Edits\n\nOptions stand beside `edit`: `{{at: blocks.*.attn.v, edit: donor, sequence: "
      "2}}`.\n\n{}\n"
      "## Points\n\n`*` in `at` stands for any characters: `blocks.*.resid`. L is the number of a "
      "block; an arm whose points say `blocks.L.` is run once for every block, and the number ends "
      "its name (`no MLP` becomes `no MLP 0`, `no MLP 1`, …). "
      "B sequences of T tokens, S with the sink tokens prepended, C the width, H heads of D "
      "channels, V "
      "the "
      "vocabulary.\n\n{}",
      key_table(), rule_table(), point_table());
}

}  // namespace waiver
