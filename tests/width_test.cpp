// What the verbs print can be read in 80 columns.
#include "core/text/table.h"
#include "runs.h"

using namespace waiver;

namespace {

// A line about one event, which people and scripts look for with grep, or with a path, an address
// or a command: these stay whole.
bool stays_whole(const std::string& line) {
  for (const char* beginning : {"waiver 0.", "step ", "Done: ", "["})
    if (line.starts_with(beginning)) return true;
  return line.find('/') != line.npos;
}

std::vector<std::string> wide_lines(const std::string& text) {
  std::vector<std::string> wide;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (display_width(line) > 80 && !stays_whole(line)) wide.push_back(line);
  return wide;
}

void check_fits(std::vector<std::string> verb) {
  std::string command;
  for (const std::string& word : verb) command += word + " ";
  CAPTURE(command);
  const Ended ended = run_program(std::move(verb));
  CAPTURE(ended.output);
  CHECK(ended.status == 0);
  CHECK(wide_lines(ended.output) == std::vector<std::string>());
}

}  // namespace

TEST_CASE("what the verbs print of a run fits 80 columns") {
  const Runs runs;
  const std::string run = runs.at("run").string();
  check_fits(
      runs.command("run", {"model.layers=3", "model.heads=8", "probe.mechanism=[60]",
                           "probe.waiver.received_attention=0.001", "probe.waiver.enrichment=0.001",
                           "probe.waiver.value_ratio=100"}));
  check_fits({"eval", run, "--window", "8", "--keep-first", "4"});
  check_fits({"probe", run, "--mechanism"});
  check_fits({"probe", run, "--mechanism", "--all-checkpoints"});
  check_fits({"probe", run, "--text", "a short text"});
  check_fits({"intervene", run, WAIVER_SOURCE_DIR "/experiments/interventions/value.yaml"});
  check_fits({"probe", run, "--maps"});
  check_fits({"show", run});
  check_fits({"log", run});
  check_fits({"log", run, "probe/enrichment[layer=1-2]", "train/loss", "eval/loss", "probe/loss"});
  check_fits({"config", "check", runs.config()});
  check_fits({"doctor"});
}

TEST_CASE("what the verbs print of a sweep fits 80 columns") {
  const Runs runs;
  const std::string study = runs.at("study.yaml").string(), out = runs.at("sweep").string();
  std::ofstream(study)
      << "title: A study\nbase: tiny.yaml\nset: {train.steps: 20, probe.snapshots: []}\n"
         "grid: {model.position.kind: [none, alibi], model.heads: [1, 2]}\nseeds: [0, 1]\n"
         "claims:\n- {id: A, sentence: \"the loss at the end is small for each of the encodings "
         "that "
         "are compared here, which is a long sentence\", measure: {kind: value, series: "
         "train/loss}, "
         "expect: {below: 9}}\n";
  for (const char* option : {"--list", "--dry-run"}) check_fits({"sweep", study, option});
  check_fits({"config", "check", study});
  check_fits({"sweep", study, "--out", out});
  check_fits({"sweep", study, "--out", out, "--collect"});
  check_fits({"sweep", study, "--out", out, "--status"});
  check_fits({"probe", out, "--mechanism"});
  check_fits({"show", out});
}

TEST_CASE("help and documentation fit 80 columns") {
  for (const char* verb : {"train", "sweep", "eval", "probe", "intervene", "sample", "show", "log",
                           "import", "export", "report", "config", "bench", "doctor", "completion"})
    check_fits({verb, "--help"});
  check_fits({"--help"});
  check_fits({"config", "docs"});
  check_fits({"config", "docs", "model.attention"});
  check_fits({"probe", "--list"});
  check_fits({"probe", "--hypotheses"});
  check_fits({"intervene", "--docs"});
  check_fits({"sweep", "--docs"});
}
