#include <fmt/format.h>

#include "config/docs.h"
#include "study/claims/claim.h"
#include "study/claims/verdict.h"

namespace waiver {
namespace {

// A claim's own keys; those of measures have a table of theirs.
std::string claim_table() {
  std::string text = kKeyTable;
  for (const KeyInfo& key : claim_keys()) {
    if (key.name.starts_with("claims[].measure") || key.type == KeyInfo::Type::block) continue;
    KeyInfo shown = key;
    if (key.name.starts_with("claims[].expect.")) shown.default_value = "not given";
    text += key_row(shown);
  }
  return text;
}

// `law` (`log`: …; `power`: …; default log): what is fitted
std::string options_of(Measure& measure) {
  std::string text;
  for (const KeyInfo& key : collect_keys([&](FieldVisitor& v) { measure.options(v); })) {
    if (key.type == KeyInfo::Type::block || key.name.starts_with("at.")) continue;
    std::string allowed = key.allowed;
    for (const Choice& choice : key.choices)
      allowed += fmt::format("{}`{}`: {}", allowed.empty() ? "" : "; ", choice.name, choice.doc);
    const bool none = key.default_value.starts_with("nan");
    text += fmt::format("{}`{}` ({}{}): {}", text.empty() ? "" : "<br>", key.name, allowed,
                        none                        ? ""
                        : key.default_value.empty() ? "; must be given"
                                                    : "; default " + key.default_value,
                        key.doc);
  }
  return text;
}

std::string measure_table() {
  std::string text = "| measure | number of a run | options |\n|---|---|---|\n";
  for (const auto& entry : registry<Measure>())
    text += fmt::format("| `{}` | {} | {} |\n", entry.name, entry.doc, options_of(*entry.make()));
  return text;
}

}  // namespace

std::string claim_docs() {
  return fmt::format(
      "# Every key of a claim\n\n"
      "A study's file may list `claims:`. Each selects runs (`where`, a block of settings; without "
      "it, every run), takes a number of each (`measure`) and says what their median, their mean "
      "or every one of them is expected to be. With `against`, another block of settings, each run "
      "is compared with the one of the same seed there.\n\n{}\n"
      "Verdicts, from the {:.0f} % percentile bootstrap interval over the runs ({} resamples): "
      "*reproduced* where all of it is as expected, *not reproduced* where none of it is, else "
      "*undecided*; for `every`, whether every run is as expected. Undecided in any case with "
      "fewer "
      "than {} seeds, where a run has not finished, and where one has no number.\n\n"
      "## Measures\n\n"
      "x is a series of the log, brought to one number a row: `at` gives an entry for each of its "
      "axes, by number or, where entries have names, by name; `strongest`, the layer, head or key "
      "of the run's strongest waiver; or `max`, `min` or `mean` over all entries that are defined, "
      "the last axis first. For example `{{kind: value, series: probe/enrichment, at: {{layer: 0, "
      "head: max, key: 0}}}}`.\n\n{}",
      claim_table(), 100 * kLevel, kResamples, kLeastSeeds, measure_table());
}

}  // namespace waiver
