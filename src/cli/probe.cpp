#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "inspect/mechanism_report.h"
#include "inspect/probe_report.h"
#include "probe/metrics/docs.h"
#include "study/index.h"
#include "study/mechanism_table.h"

namespace waiver {
namespace {

struct ProbeCall {
  Target target;
  std::string tokens = "natural", bos = "keep", out;
  bool overwrite = false;
  bool mechanism = false;
};

void probe(const ProbeCall& options) {
  if (!options.out.empty()) check_output(options.out, options.overwrite);
  const bool natural = options.tokens == "natural" && options.bos == "keep";
  if (options.mechanism && !natural)
    throw UsageError("--mechanism", "the mechanism tests swap tokens of the data's own sequences",
                     "Omit --tokens and --bos.");
  if (options.mechanism && is_sweep(options.target.path)) {
    if (!options.out.empty() || !options.target.overrides.empty())
      throw UsageError(
          "--mechanism",
          "for a sweep, every finished run is tested as it is, and mechanism.json gets the results",
          "Omit --out and overrides.");
    print_result(study_mechanism(options.target.path, terminal_width()));
    return;
  }
  require_run(options.target.path, "probe");
  const SavedModel saved =
      load_saved(options.target.path, options.target.overrides, {.probes = true});
  ProbeTokens tokens;
  if (options.tokens == "random") tokens.content = ProbeTokens::Content::random;
  if (options.bos == "drop") tokens.bos = ProbeTokens::Bos::drop;
  Log log = probe_saved(saved, tokens, options.out);
  std::string mechanism;
  if (options.mechanism) {
    const Mechanism found = mechanism_of(saved);
    write_mechanism(log, found);
    mechanism = "\n" + to_text(found, terminal_width());
  }
  if (!options.out.empty()) log.flush();
  print_result("{} (step {})\n{} sequences of {}, tokens {}, bos {}\n\n{}{}",
               saved.checkpoint.string(), saved.step, saved.config.probe.batch,
               saved.config.model.context, options.tokens, options.bos,
               probe_report(log, terminal_width()), mechanism);
}

}  // namespace

void add_probe(Verb& program) {
  Verb verb = program.add("probe", "Measure every metric on a trained model");
  auto options = std::make_shared<ProbeCall>();
  add_target(verb, options->target, "run", "a run directory or a checkpoint folder");
  verb.add("--out", options->out, "an HDF5 file for every series, in the format of a log");
  verb.add("--overwrite", options->overwrite, "replace an existing file, if this program wrote it");
  verb.add("--tokens", options->tokens,
           "natural: the data's probe batch; random: the data's tokens, drawn uniformly")
      .among({"natural", "random"})
      .shows_default();
  verb.add("--bos", options->bos,
           "keep, or drop: the tokens that every sequence begins with become random ones")
      .among({"keep", "drop"})
      .shows_default();
  verb.add("--mechanism", options->mechanism,
           "determine what selects the waiver and test W1 to W10; given a sweep's folder, on all "
           "its finished runs");
  verb.prints(
      "--hypotheses", hypothesis_docs,
      "print what the mechanism tests claim, and the criteria of each outcome; needs no run");
  verb.prints("--list", metric_docs, "print every series with its formula instead; needs no run");
  add_threads(verb);
  verb.runs([options] { probe(*options); });
}

}  // namespace waiver
