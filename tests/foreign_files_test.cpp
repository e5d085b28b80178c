// Only what this program wrote is replaced or removed; and numbers that are none are no result. By
// the program itself.
#include "core/files/files.h"
#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

void has(const Ended& ended, int status, const std::string& text) {
  INFO(ended.output);
  CHECK(ended.status == status);
  CHECK(contains(ended.output, text));
}

const std::vector<std::string> kShort = {"train.steps=10", "probe.snapshots=[]"};

std::vector<std::string> with(std::vector<std::string> more) {
  more.insert(more.end(), kShort.begin(), kShort.end());
  return more;
}

}  // namespace

TEST_CASE("a folder that happens to hold a config.yaml is not emptied, nor written into") {
  const Runs runs;
  const fs::path mine = runs.at("mine");
  fs::create_directories(mine / "checkpoints");
  put_bytes(mine / "config.yaml", kConfig);
  for (const char* how : {"--overwrite", "--resume"})
    has(runs.train("mine", with({how})), 2, "this is not a run directory, and it is not empty");
  put_bytes(mine / "status", "fine\n");
  put_bytes(mine / "thesis.txt", "years of work");
  for (const char* how : {"--overwrite", "--resume"})
    has(runs.train("mine", with({how})), 2, "this is not a run directory, and it is not empty");
  CHECK(file_text(mine / "config.yaml") == kConfig);
  CHECK(file_text(mine / "thesis.txt") == "years of work");
  fs::remove_all(mine / "checkpoints");
  for (const char* name : {"status", "thesis.txt"}) fs::remove(mine / name);
  has(run_program({"train", (mine / "config.yaml").string(), "--out", mine.string()}), 2,
      "this is not a run directory");
  CHECK(file_text(mine / "config.yaml") == kConfig);
}

TEST_CASE("overwriting a run leaves what is not of this program where it was, and says so") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const fs::path run = runs.at("run");
  fs::create_directories(run / "notes");
  put_bytes(run / "notes" / "a.txt", "mine");
  put_bytes(run / "checkpoints" / "readme", "mine");
  put_bytes(run / "checkpoints" / "step-00000010" / "readme", "mine");
  has(runs.train("run", with({"--overwrite", "seed.init=1"})), 0, "Left untouched: notes.");
  CHECK(file_text(run / "notes" / "a.txt") == "mine");
  CHECK(file_text(run / "checkpoints" / "readme") == "mine");
  bool kept = false;
  for (const auto& entry : fs::recursive_directory_iterator(run))
    kept |= entry.path().filename() == "readme" &&
            entry.path().parent_path().filename() != "checkpoints";
  CHECK(kept);
}

TEST_CASE("a run can be trained anew from its own config, in its own place") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const fs::path run = runs.at("run");
  const auto before = logged(run);
  has(run_program({"train", (run / "config.yaml").string(), "--out", run.string(), "--overwrite"}),
      0, "Done");
  CHECK(logged(run) == before);
  CHECK(!file_text(run / "config.original.yaml").empty());
}

TEST_CASE("probe, intervene and bench replace no file of others") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const std::string run = runs.at("run").string(), mine = runs.at("mine").string(),
                    spec = runs.at("spec.yaml").string(), probe = runs.at("probe.h5").string();
  put_bytes(mine, "years of work");
  put_bytes(spec, "arms: [{name: nothing, edits: []}]\n");
  has(run_program({"probe", run, "--out", mine, "--overwrite"}), 2, "not written by this program");
  has(run_program({"intervene", run, spec, "--out", mine, "--overwrite"}), 2,
      "not written by this program");
  has(run_program({"bench", "small", "--rounds", "1", "--json", mine}), 2, "is not replaced");
  CHECK(file_text(mine) == "years of work");
  put_bytes(probe + ".tmp", "mine too");
  CHECK(run_program({"probe", run, "--out", probe}).status == 0);
  CHECK(run_program({"intervene", run, spec, "--out", probe, "--overwrite"}).status == 0);
  CHECK(file_text(probe + ".tmp") == "mine too");
}

TEST_CASE("the log of a run is not replaced by a probe") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const std::string run = runs.at("run").string(), log = file_text(runs.at("run") / "log.h5");
  has(run_program({"probe", run, "--out", run + "/log.h5", "--overwrite"}), 2,
      "this is the log of a run");
  CHECK(file_text(runs.at("run") / "log.h5") == log);
}

TEST_CASE("another program's identity.json makes no run of a folder") {
  const Runs runs;
  const fs::path mine = runs.at("mine");
  fs::create_directories(mine);
  for (const char* name : {"identity.json", "config.yaml", "status"})
    put_bytes(mine / name, "{}\n");
  for (const char* how : {"--overwrite", "--resume"}) {
    const Ended ended = runs.train("mine", with({how}));
    CHECK(ended.status != 0);
  }
  CHECK(file_text(mine / "config.yaml") == "{}\n");
  CHECK(file_text(mine / "status") == "{}\n");
}

TEST_CASE("a run with something else in the place of its files is not overwritten in part") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const fs::path run = runs.at("run");
  fs::remove(run / "log.h5");
  fs::create_directories(run / "log.h5");
  has(runs.train("run", with({"--overwrite"})), 2, "log.h5: this is not a file of this program");
  CHECK(fs::exists(run / "checkpoints/step-00000010/model.safetensors"));
  fs::remove(run / "log.h5");
  // Checkpoints on another disk.
  fs::rename(run / "checkpoints", runs.at("elsewhere"));
  fs::create_directory_symlink(runs.at("elsewhere"), run / "checkpoints");
  has(runs.train("run", with({"--overwrite"})), 0, "Done");
  CHECK(fs::exists(runs.at("elsewhere") / "step-00000010/model.safetensors"));
}

TEST_CASE("checkpoints that cannot be read are not none") {
  const Runs runs;
  REQUIRE(runs.train("run", with({})).status == 0);
  const fs::path run = runs.at("run");
  const std::string log = file_text(run / "log.h5");
  fs::rename(run / "checkpoints", runs.at("away"));
  put_bytes(run / "checkpoints", "no folder");
  has(runs.train("run", with({"--resume"})), 1, "checkpoints");
  CHECK(file_text(run / "log.h5") == log);
  fs::remove(run / "checkpoints");
  fs::rename(runs.at("away"), run / "checkpoints");
  put_bytes(run / "checkpoints/step-00000010/model.safetensors", "damaged");
  has(runs.train("run", with({"--resume"})), 1, "none of these checkpoints can be loaded");
  CHECK(file_text(run / "log.h5") == log);
}

TEST_CASE("an update that makes NaN at the last step is not done, and no checkpoint") {
  const Runs runs;
  const Ended ended = runs.train("nan", {"train.steps=1", "train.optimizer={kind: sgd, lr: 1.0e39}",
                                         "train.schedule.kind=constant", "train.schedule.warmup=0",
                                         "probe.every=0", "probe.snapshots=[]"});
  CHECK(ended.status == 1);
  CHECK(contains(ended.output, "step 1, "));
  CHECK(contains(ended.output, "the last update produced NaN or infinity in"));
  CHECK(contains(ended.output, "No checkpoint was saved before."));
  CHECK(file_text(runs.at("nan") / "status").starts_with("failed: step 1, "));
  CHECK(entries_of(runs.at("nan") / "checkpoints").empty());
  CHECK(entries_of(runs.at("nan") / "failed").empty());
}

TEST_CASE("a validation that gives no number stops the run, whose good checkpoints stay") {
  const Runs runs;
  const Ended ended = runs.train(
      "nan", {"train.steps=2", "train.checkpoint={every: 1, keep: 1}", "train.checkpoint.at=[0]",
              "train.optimizer={kind: sgd, lr: 1.0e25}", "train.schedule.kind=constant",
              "train.schedule.warmup=0", "train.clip=0.0", "probe.every=0", "probe.snapshots=[]",
              "train.eval={every: 1, batches: 1}"});
  CHECK(ended.status == 1);
  CHECK(contains(ended.output, "step 1, validation: the loss is NaN or infinite"));
  CHECK(contains(ended.output, "The last good checkpoint is "));
  CHECK(entries_of(runs.at("nan") / "checkpoints").size() == 1);
  CHECK(fs::exists(runs.at("nan") / "checkpoints/step-00000000/model.safetensors"));
}
