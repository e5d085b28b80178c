// The promises of a run, tried on the program itself.
#include "runs.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/random.h"

namespace fs = std::filesystem;
using namespace waiver;

TEST_CASE("the same config gives the same bits at 1, 2 and 4 threads") {
  const Runs runs;
  for (const char* threads : {"1", "2", "4"})
    REQUIRE(runs.train(threads, {"--threads", threads}).status == 0);
  CHECK(logged(runs.at("1")).size() > 25);
  check_same(runs.at("1"), runs.at("2"));
  check_same(runs.at("1"), runs.at("4"));
  // And another seed gives other bits, so that the comparison can fail.
  REQUIRE(runs.train("other", {"seed.data=1"}).status == 0);
  CHECK(weights(runs.at("other")) != weights(runs.at("1")));
}

TEST_CASE("probes, validation and checkpoints change no weight") {
  const Runs runs;
  REQUIRE(runs.train("on").status == 0);
  REQUIRE(runs.train("off", {"probe.every=0", "probe.snapshots=[]", "train.eval.every=0",
                             "train.checkpoint.every=0"})
              .status == 0);
  CHECK(weights(runs.at("on")) == weights(runs.at("off")));
  CHECK(logged(runs.at("off")).count("probe/step") == 0);
}

TEST_CASE("runs killed by SIGKILL at random moments resume to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("whole", {"train.steps=400"}).status == 0);
  int kills = 0, finished = 0;
  const Random random(1, "kill");
  for (int run = 0; kills < 24 && run < 40; ++run) {
    const std::string name = "killed-" + std::to_string(run);
    while (true) {
      Program program(runs.command(name, {"train.steps=400", "--resume"}));
      usleep(static_cast<useconds_t>(600000 * random.uniform(1000 * run + kills)));
      program.signal(SIGKILL);
      const Ended& ended = program.wait();
      if (ended.status == 0) break;
      REQUIRE(ended.status == 128 + SIGKILL);
      ++kills;
      // Whatever moment it was, what lies there opens.
      if (fs::exists(runs.at(name) / "log.h5")) CHECK_NOTHROW(Log::open(runs.at(name) / "log.h5"));
      if (kills % 6 == 0) {  // now let it finish
        REQUIRE(runs.train(name, {"train.steps=400", "--resume"}).status == 0);
        break;
      }
    }
    ++finished;
    CHECK(weights(runs.at(name), 400) == weights(runs.at("whole"), 400));
    CHECK(logged(runs.at(name)) == logged(runs.at("whole")));
    CHECK(file_text(runs.at(name) / "status") == "done\n");
  }
  CHECK(kills >= 20);
  CHECK(finished >= 1);
}

TEST_CASE("a run goes on with recompute or without, to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("kept").status == 0);
  REQUIRE(runs.train("anew", {"train.recompute=true"}).status == 0);
  check_same(runs.at("kept"), runs.at("anew"));
  REQUIRE(runs.train("both", {"train.schedule=constant", "train.steps=20"}).status == 0);
  REQUIRE(
      runs.train("both", {"train.schedule=constant", "train.recompute=true", "--resume"}).status ==
      0);
  REQUIRE(runs.train("one", {"train.schedule=constant"}).status == 0);
  CHECK(weights(runs.at("both")) == weights(runs.at("one")));
}

TEST_CASE("a run is never overwritten unasked, and resumes only with its own config") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const std::string before = file_text(runs.at("run") / "log.h5");
  Ended again = runs.train("run");
  CHECK(again.status == 2);
  CHECK(again.output.find("a run is already there. --resume continues it") != std::string::npos);
  again = runs.train("run", {"train.batch=8", "--resume"});
  CHECK(again.status == 2);
  CHECK(again.output.find("started with another config: there '  batch: 6', here '  batch: 8'") !=
        std::string::npos);
  CHECK(file_text(runs.at("run") / "log.h5") == before);
  CHECK(runs.train("run", {"train.batch=8", "--overwrite"}).status == 0);
  fs::create_directories(runs.at("mine"));
  std::ofstream(runs.at("mine") / "thesis.txt") << "years of work";
  for (const char* how : {"--resume", "--overwrite"}) {
    again = runs.train("mine", {how});
    CHECK(again.status == 2);
    CHECK(again.output.find("this is not a run directory, and it is not empty") !=
          std::string::npos);
  }
  CHECK(file_text(runs.at("mine") / "thesis.txt") == "years of work");
}

TEST_CASE("a run killed while its folder was made or cleared can be begun again") {
  const Runs runs;
  REQUIRE(runs.train("whole").status == 0);
  fs::create_directories(runs.at("made"));
  fs::copy(runs.at("whole") / "identity.json", runs.at("made"));
  for (const char* name : {"overrides.txt", "config.yaml.waiver-tmp"})
    std::ofstream(runs.at("made") / name) << "half";
  REQUIRE(runs.train("made").status == 0);
  check_same(runs.at("made"), runs.at("whole"));
  REQUIRE(runs.train("cleared").status == 0);
  for (const char* name : {"status", "checkpoints"}) fs::remove_all(runs.at("cleared") / name);
  REQUIRE(runs.train("cleared", {"--resume"}).status == 0);
  check_same(runs.at("cleared"), runs.at("whole"));
}

TEST_CASE("bad usage and bad configs exit with 2 and create nothing") {
  const Runs runs;
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"model.width=15"},
                                             {"model.positon=rope"},
                                             {"data={kind: text, path: no/such/file.txt}"},
                                             {"model.attention.mask.separator=67"},
                                             {"train.batch"},
                                             {"--threads", "0"},
                                             {"--resume", "--overwrite"}}) {
    const Ended ended = runs.train("bad", more);
    CAPTURE(ended.output);
    CHECK(ended.status == 2);
    CHECK(!ended.output.empty());
    CHECK(!fs::exists(runs.at("bad")));
  }
  CHECK(run_program({"train", "no/such.yaml"}).status == 2);
  CHECK(runs.train("bad", {"--thread", "2"}).output.ends_with("See waiver train --help.\n"));
  CHECK(run_program({"dance"}).status == 2);
  CHECK(run_program({}).status == 2);
  for (const char* verb : {"train", "sweep", "eval", "intervene", "sample", "show", "config",
                           "plan", "bench", "doctor"})
    CHECK(run_program({verb, "--help"}).status == 0);
}

TEST_CASE("numbers that end stop the run with the step, the place and a saved state") {
  const Runs runs;
  const Ended ended = runs.train("nan", {"train.optimizer.lr=1.0e30", "train.clip=0.0"});
  CHECK(ended.status == 1);
  CHECK(ended.output.find("step ") != std::string::npos);
  CHECK(ended.output.find("produces NaN or infinity here") != std::string::npos);
  CHECK(ended.output.find("Lower train.optimizer.lr") != std::string::npos);
  const std::string status = file_text(runs.at("nan") / "status");
  CHECK(status.starts_with("failed: step "));
  const bool forward = status.find("blocks.") != std::string::npos ||
                       status.find("embed") != std::string::npos ||
                       status.find("gradient of ") != std::string::npos ||
                       status.find("logits") != std::string::npos;
  CHECK(forward);
  int saved = 0;
  for (const auto& entry : fs::directory_iterator(runs.at("nan") / "failed"))
    saved += fs::exists(entry.path() / "model.safetensors");
  CHECK(saved == 1);

  // Where the state cannot be saved, that does not hide why the run stopped.
  fs::remove_all(runs.at("nan") / "failed");
  std::ofstream(runs.at("nan") / "failed") << "no folder";
  const Ended unsaved =
      runs.train("nan", {"train.optimizer.lr=1.0e30", "train.clip=0.0", "--resume"});
  CHECK(unsaved.status == 1);
  CHECK(unsaved.output.find("The state could not be saved: ") != std::string::npos);
  CHECK(unsaved.output.find("produces NaN or infinity here") != std::string::npos);
  CHECK(file_text(runs.at("nan") / "status") == status);
}

TEST_CASE("a full disk is reported and the last good checkpoint still loads") {
  const Runs runs;
  REQUIRE(runs.train("free").status == 0);
  // Room for a checkpoint, but not for the log that the run ends with.
  const auto checkpoint = runs.at("free") / "checkpoints" / "step-00000010";
  uintmax_t room = 0;
  for (const auto& entry : fs::recursive_directory_iterator(runs.at("free") / "checkpoints"))
    if (entry.is_regular_file()) room = std::max(room, entry.file_size());
  const uintmax_t log = fs::file_size(runs.at("free") / "log.h5");
  const uintmax_t limit = (room + log) / 2;
  REQUIRE(limit > room);
  const Ended ended = run_program(runs.command("full"), {.file_size = limit});
  CAPTURE(ended.output);
  CHECK(ended.status == 1);
  CHECK(ended.output.find("log.h5") != std::string::npos);
  CHECK(ended.output.find("File too large") != std::string::npos);
  CHECK(file_text(runs.at("full") / "status").starts_with("failed: "));
  CHECK(!fs::exists(runs.at("full") / "log.h5.waiver-tmp"));
  // With room again the run goes on to the same end.
  REQUIRE(runs.train("full", {"--resume"}).status == 0);
  check_same(runs.at("free"), runs.at("full"));
}

TEST_CASE("a damaged newest checkpoint is named, and the one before it taken") {
  const Runs runs;
  REQUIRE(runs.train("good").status == 0);
  REQUIRE(runs.train("torn").status == 0);
  const auto newest = runs.at("torn") / "checkpoints" / "step-00000060" / "model.safetensors";
  fs::resize_file(newest, fs::file_size(newest) / 2);
  const Ended ended = runs.train("torn", {"--resume"});
  CHECK(ended.status == 0);
  CHECK(ended.output.find("Skipping a damaged checkpoint: " + newest.string()) !=
        std::string::npos);
  CHECK(ended.output.find("Resuming at step 50.") != std::string::npos);
  check_same(runs.at("good"), runs.at("torn"));
}

TEST_CASE("a torn, empty or foreign log is refused by name when a run resumes") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const auto log = runs.at("run") / "log.h5";
  const std::string whole = file_text(log);
  for (const std::string& text :
       {whole.substr(0, whole.size() / 2), std::string(), std::string("hello")}) {
    std::ofstream(log, std::ios::binary | std::ios::trunc) << text;
    const Ended ended = runs.train("run", {"--resume"});
    CHECK(ended.status == 1);
    CHECK(ended.output.find(log.string()) != std::string::npos);
  }
}

TEST_CASE("two processes cannot work in one run directory") {
  const Runs runs;
  Program first(runs.command("run", {"train.steps=100000"}));
  REQUIRE(first.makes(runs.at("run") / "status"));
  const Ended second = runs.train("run", {"train.steps=100000", "--resume"});
  CHECK(second.status == 2);
  CHECK(second.output.find("another process is working in this run directory") !=
        std::string::npos);
  first.signal(SIGKILL);
}
