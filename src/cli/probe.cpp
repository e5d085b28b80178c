#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/output.h"
#include "inspect/mechanism_report.h"
#include "inspect/mechanism_series.h"
#include "inspect/probe_report.h"
#include "probe/mechanism/series.h"
#include "probe/metrics/docs.h"
#include "run/directory.h"
#include "study/index.h"
#include "study/mechanism_table.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

struct ProbeCall {
  Target target;
  std::string tokens = "natural", bos = "keep", out;
  bool overwrite = false;
  bool mechanism = false, all_checkpoints = false;
};

// The mechanism at every checkpoint of a run, or of every finished run of a sweep.
std::string all_checkpoints(const ProbeCall& options) {
  const fs::path path = options.target.path;
  if (!options.mechanism)
    throw UsageError("--all-checkpoints", "only the mechanism tests look at all of them",
                     "Add --mechanism.");
  if (!options.target.overrides.empty())
    throw UsageError("--all-checkpoints", "a run's checkpoints are tested as they are",
                     "Omit the overrides.");
  std::vector<std::pair<fs::path, fs::path>> files;  // of each run
  if (is_sweep(path)) {
    if (!options.out.empty())
      throw UsageError(
          "--out", fmt::format("for a sweep, every run's folder gets its own {}", kMechanismFile),
          "Omit it.");
    for (const SweepIndex::Run& run : SweepIndex::read(path).runs)
      if (run_status((path / run.name).string()) == "done")
        files.emplace_back(path / run.name, path / run.name / kMechanismFile);
  } else if (is_run(path)) {
    files.emplace_back(path, options.out.empty() ? path / kMechanismFile : fs::path(options.out));
  } else {
    throw UsageError(path.string(), "this is not a run's folder, so it has no list of checkpoints",
                     "Give RUN, or leave --all-checkpoints out for one checkpoint.");
  }
  for (const auto& [run, file] : files) check_output(file, true);
  std::string text;
  for (const auto& [run, file] : files) {
    const std::vector<MechanismAt> all = mechanism_of_checkpoints(run);
    write_mechanism_series(file, read_file(run / "config.yaml"), all);
    text += fmt::format("{}\n{}\n", run.string(), to_text(all, terminal_width()));
  }
  return text;
}

void probe(const ProbeCall& options) {
  if (!options.out.empty()) check_output(options.out, options.overwrite);
  const bool natural = options.tokens == "natural" && options.bos == "keep";
  if (options.mechanism && !natural)
    throw UsageError("--mechanism", "the mechanism tests swap tokens of the data's own sequences",
                     "Omit --tokens and --bos.");
  if (options.all_checkpoints) return print_result(all_checkpoints(options));
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
    write_mechanism(log, {saved.step, found});
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
  verb.add("--all-checkpoints", options->all_checkpoints,
           "with --mechanism: at every checkpoint of a run, or of all finished runs of a sweep, as "
           "series over steps in the run's mechanism.h5");
  verb.prints(
      "--hypotheses", hypothesis_docs,
      "print what the mechanism tests claim, and the criteria of each outcome; needs no run");
  verb.prints(
      "--list", [] { return metric_docs() + mechanism_docs(); },
      "print every series with its formula instead; needs no run");
  add_threads(verb);
  verb.runs([options] { probe(*options); });
}

}  // namespace waiver
