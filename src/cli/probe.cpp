#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/output.h"
#include "core/text/printable.h"
#include "inspect/mechanism_report.h"
#include "inspect/mechanism_series.h"
#include "inspect/probe_run.h"
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
  std::string tokens = "natural", bos = "keep", out, capture, head;
  std::optional<Given> given;
  bool overwrite = false;
  bool mechanism = false, all_checkpoints = false, maps = false, json = false;
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

// Refuses what is about the data's own sequences.
void check_given(const ProbeCall& options) {
  const char* option = options.given->text ? "--text" : "--token-file";
  if (options.tokens == "random" || options.bos == "drop")
    throw UsageError(option, "the tokens that it gives are taken as they are",
                     "Omit --tokens and --bos.");
  if (options.all_checkpoints)
    throw UsageError(option, "all checkpoints are tested on the data's own sequences",
                     "Omit --all-checkpoints, and give one checkpoint.");
}

// `1.0`: layer and head.
MapOf parse_head(const std::string& text) {
  MapOf out;
  const char *begin = text.data(), *end = begin + text.size();
  const auto [dot, bad_layer] = std::from_chars(begin, end, out.layer);
  if (bad_layer == std::errc() && dot != end && *dot == '.') {
    const auto [rest, bad_head] = std::from_chars(dot + 1, end, out.head);
    if (bad_head == std::errc() && rest == end) return out;
  }
  throw UsageError("--head", fmt::format("{} is no head", in_quotes(text)),
                   "Write LAYER.HEAD, such as 1.0.");
}

// Maps and captured points are of one model.
void check_pass(const ProbeCall& options) {
  if (!options.maps && options.capture.empty()) return;
  const char* option = options.maps ? "--maps" : "--capture";
  if (options.all_checkpoints || is_sweep(options.target.path))
    throw UsageError(option, "this is about one checkpoint", "Give RUN or a checkpoint.");
  if (options.capture.empty()) return;
  check_output(options.capture, options.overwrite, "--capture");
  if (!options.out.empty() &&
      fs::weakly_canonical(options.out) == fs::weakly_canonical(options.capture))
    throw UsageError("--capture", "--out names the same file", "Choose two.");
}

void probe(const ProbeCall& options) {
  if (options.given) check_given(options);
  if (!options.out.empty()) check_output(options.out, options.overwrite);
  check_pass(options);
  const bool natural = options.tokens == "natural" && options.bos == "keep";
  if (options.mechanism && !natural)
    throw UsageError("--mechanism", "the mechanism tests swap tokens of the data's own sequences",
                     "Omit --tokens and --bos.");
  if (options.json && (options.all_checkpoints || is_sweep(options.target.path)))
    throw UsageError("--json", "it is one object about one checkpoint",
                     fmt::format("Omit it; then read {} (waiver log RUN/{} --json), or of a sweep "
                                 "mechanism.json.",
                                 kMechanismFile, kMechanismFile));
  if (options.all_checkpoints) return print_result(all_checkpoints(options));
  if (options.mechanism && !options.given && is_sweep(options.target.path)) {
    if (!options.out.empty() || !options.target.overrides.empty())
      throw UsageError(
          "--mechanism",
          "for a sweep, every finished run is tested as it is, and mechanism.json gets the results",
          "Omit --out and overrides.");
    print_result(study_mechanism(options.target.path, terminal_width()));
    return;
  }
  require_run(options.target.path, "probe");
  ProbeRequest request{{},           options.given, options.mechanism, options.out, options.capture,
                       options.maps, std::nullopt,  options.json};
  if (!options.head.empty()) request.head = parse_head(options.head);
  if (options.tokens == "random") request.tokens.content = ProbeTokens::Content::random;
  if (options.bos == "drop") request.tokens.bos = ProbeTokens::Bos::drop;
  print_result(probe_run(options.target.path, options.target.overrides, request, terminal_width()));
}

}  // namespace

void add_probe(Verb& program) {
  Verb verb = program.add("probe", "Measure every metric on a trained model");
  auto options = std::make_shared<ProbeCall>();
  add_target(verb, options->target, "run", "a run directory or a checkpoint folder");
  verb.add("--out", options->out, "an HDF5 file for every series, in the format of a log");
  verb.add("--capture", options->capture,
           "an HDF5 file for every point of the pass, by its name, with tokens, targets and logits")
      .type("FILE");
  const Option maps =
      verb.add("--maps", options->maps,
               "show the attention of one head on the first sequence, query by key, and weighted "
               "by the norms of the values");
  verb.add("--head", options->head, "with --maps: of which; default: that of the strongest waiver")
      .type("LAYER.HEAD")
      .needs(maps);
  verb.add("--overwrite", options->overwrite, "replace existing files, if this program wrote them");
  verb.add("--tokens", options->tokens,
           "natural: the data's probe batch; random: the data's tokens, drawn uniformly")
      .among({"natural", "random"})
      .shows_default();
  verb.add("--bos", options->bos,
           "keep, or drop: the tokens that every sequence begins with become random ones")
      .among({"keep", "drop"})
      .shows_default();
  auto given = std::make_shared<std::string>();
  const Option text =
      verb.add(
              "--text", *given,
              "a text to look at instead of the data's probe batch: one sequence, in the tokens of "
              "the data, between those that all its sequences begin and end with; shown token by "
              "token")
          .type("TEXT");
  const Option file =
      verb.add("--token-file", *given,
               "the same of token ids, taken as they are: a .npy file of one sequence, or of "
               "several (two axes); without a header uint16, or uint32 where the vocabulary has "
               "more than 65,536")
          .type("FILE")
          .excludes(text);
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
  add_json(verb, options->json).excludes(maps);
  verb.runs([options, given, text, file] {
    if (text.given()) options->given = Given{*given, {}};
    if (file.given()) options->given = Given{{}, *given};
    probe(*options);
  });
}

}  // namespace waiver
