// `waiver show`: what `train` said, again; and what is the matter where there is little to say.
#include "core/text/table.h"
#include "runs.h"

using namespace waiver;
namespace fs = std::filesystem;

namespace {

// The sentence and the plot, which the promise of equal bits covers; not the time.
std::string told(const std::string& output) {
  size_t begin = output.find("No waiver element");
  if (begin == output.npos) begin = output.find("A waiver element");
  REQUIRE(begin != output.npos);
  return output.substr(begin, output.find("\nTime: ", begin) - begin);
}

bool has(const Ended& ended, const std::string& text) {
  CAPTURE(ended.output);
  return ended.output.find(text) != std::string::npos;
}

void check_width(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(display_width(line) <= 80);
  }
}

// Thresholds that a small model is across in time.
const std::vector<std::string> kEasy = {"probe.waiver.received_attention=0.001",
                                        "probe.waiver.enrichment=0.001",
                                        "probe.waiver.value_ratio=100"};

}  // namespace

TEST_CASE("show prints the sentence with which train ended") {
  const Runs runs;
  const Ended trained = runs.train("run");
  REQUIRE(trained.status == 0);
  const Ended shown = run_program({"show", runs.at("run").string()});
  CHECK(shown.status == 0);
  CHECK(told(shown.output) == told(trained.output));
  CHECK(file_text(runs.at("run") / "train.log").find(told(shown.output)) != std::string::npos);
  check_width(shown.output.substr(0, shown.output.find("\nTime: ")));
  CHECK(has(shown, "Next: waiver report "));

  const Ended easy = runs.train("easy", kEasy);
  REQUIRE(easy.status == 0);
  CHECK(has(easy, "A waiver element was there at the first probe, step 0, in layer "));
  CHECK(has(easy, "(`<s>`)"));
  CHECK(has(easy, "What selects it: waiver probe "));
  CHECK(told(run_program({"show", runs.at("easy").string()}).output) == told(easy.output));
}

TEST_CASE("what selects the waiver is said where it was asked, in the log or later") {
  const Runs runs;
  std::vector<std::string> asked = kEasy;
  asked.push_back("probe.mechanism=[60]");
  CHECK(has(runs.train("asked", asked), "\nSelected by: "));
  CHECK(has(run_program({"show", runs.at("asked").string()}), "\nSelected by: "));
  const std::string later = runs.at("later").string();
  REQUIRE(runs.train("later", kEasy).status == 0);
  REQUIRE(run_program({"probe", later, "--mechanism", "--all-checkpoints"}).status == 0);
  CHECK(has(run_program({"show", later}), "\nSelected by: "));
}

TEST_CASE("show says what is the matter with a run that has little to tell") {
  const Runs runs;
  const Ended none = runs.train("none", {"probe.every=0", "probe.snapshots=[]"});
  CHECK(none.status == 0);
  CHECK(has(none, "This run has no probes (probe.every: 0)"));
  CHECK(has(run_program({"show", runs.at("none").string()}), "This run has no probes"));

  const Ended missing = run_program({"show", runs.at("nono").string()});
  CHECK(missing.status == 2);
  CHECK(has(missing, "there is no such run"));
  CHECK(run_program({"show", runs.config()}).status == 2);
  const Ended checkpoint =
      run_program({"show", (runs.at("none") / "checkpoints/step-00000060").string()});
  CHECK(checkpoint.status == 2);
  CHECK(has(checkpoint, "Give RUN, as in runs/NAME"));

  REQUIRE(runs.train("half").status == 0);
  const fs::path half = runs.at("half");
  std::ofstream(half / "status") << "running\n";
  const Ended interrupted = run_program({"show", half.string()});
  CHECK(interrupted.status == 0);
  CHECK(has(interrupted, "This run is not finished: interrupted, step "));
  CHECK(has(interrupted, "\nIts last probe is of step 60 of 60.\n"));
  CHECK(has(interrupted, "No waiver element: "));
  CHECK(has(interrupted, "--resume\n"));
  fs::resize_file(half / "log.h5", fs::file_size(half / "log.h5") / 2);
  CHECK(run_program({"show", half.string()}).status == 1);
  fs::remove(half / "log.h5");
  const Ended unlogged = run_program({"show", half.string()});
  CHECK(unlogged.status == 2);
  CHECK(has(unlogged, "this run has logged nothing yet (interrupted)"));
}

TEST_CASE("a sweep has a row for each finished run, and says of the others why not") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "set: {probe: {waiver: {received_attention: 0.001, enrichment: 0.001, value_ratio: "
         "100}}}\n"
         "grid: {model.position.kind: [none, alibi]}\nseeds: [0, 1]\n";
  const std::string sweep = runs.at("sweep").string();
  const auto only = [&](const char* numbers) {
    return run_program(
        {"sweep", runs.at("study.yaml").string(), "--out", sweep, "--only", numbers});
  };
  REQUIRE(only("1-3").status == 0);
  Ended shown = run_program({"show", sweep});
  CHECK(shown.status == 0);
  CHECK(has(shown, "A waiver element emerged in 3 of 3 finished runs:\n"));
  CHECK(has(shown, "position.kind=none   2 of 2, at step 0\n"));
  CHECK(has(shown, "Not finished, 1 of 4 runs:\nposition.kind=alibi,seed=1  not started\n"));
  CHECK(has(shown, "What selects them: waiver probe "));
  check_width(shown.output.substr(0, shown.output.find("What selects")));

  fs::resize_file(fs::path(sweep) / "position.kind=none,seed=0/log.h5", 4000);
  fs::remove_all(fs::path(sweep) / "position.kind=none,seed=1");
  shown = run_program({"show", sweep});
  CHECK(shown.status == 0);
  CHECK(has(shown, "position.kind=none,seed=0   unreadable:"));
  CHECK(has(shown, "record only: its folder is not here"));
  CHECK(has(shown, "emerged in 1 of 1 finished runs."));
}
