// The promises of a run, tried on the program itself.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/random.h"
#include "core/safetensors.h"
#include "experiment/log.h"
#include "program.h"
#include "temporary.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

const std::string kConfig = R"(
model: {layers: 2, heads: 2, width: 16, context: 70, mlp: {width: 24}, dropout: {residual: 0.1, embedding: 0.1}}
data: {kind: bigram_backcopy}
train:
  steps: 60
  batch: 6
  accumulate: 2
  clip: 1.0
  log_every: 5
  schedule: {kind: cosine, warmup: 5, final: 0.1}
  eval: {every: 20, batches: 2}
  checkpoint: {every: 10, keep: 3}
probe: {every: 10, first: [0, 1, 3], snapshots: [0, 30], batch: 3}
)";

class Runs {
 public:
  Runs() { std::ofstream(config()) << kConfig; }
  std::string config() const { return (folder_.path() / "tiny.yaml").string(); }
  fs::path at(const std::string& name) const { return folder_.path() / name; }

  std::vector<std::string> command(const std::string& name,
                                   std::vector<std::string> more = {}) const {
    std::vector<std::string> out = {"train", config(), "--out", at(name).string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  Ended train(const std::string& name, std::vector<std::string> more = {}) const {
    return run_program(command(name, std::move(more)));
  }

 private:
  TemporaryFolder folder_;
};

// The numbers of every weight at the last step, by name.
std::map<std::string, std::vector<float>> weights(const fs::path& run, int64_t step = 60) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08ld", static_cast<long>(step));
  const Safetensors file = Safetensors::open(run / "checkpoints" / name / "model.safetensors");
  std::map<std::string, std::vector<float>> out;
  for (const Safetensors::Entry& entry : file.entries()) {
    out[entry.name].resize(entry.shape.size());
    file.copy(entry, out[entry.name].data());
  }
  return out;
}

// The bits of every number of a log outside /timing, by group and name; steps too.
std::map<std::string, std::vector<uint64_t>> logged(const fs::path& run) {
  const Log log = Log::open(run / "log.h5");
  std::map<std::string, std::vector<uint64_t>> out;
  for (const std::string& group : log.groups()) {
    if (group == "timing") continue;
    for (const int64_t step : log.steps(group))
      out[group + "/step"].push_back(static_cast<uint64_t>(step));
    for (const std::string& name : log.names(group))
      if (name != "tokens" && name != "event_name")
        for (const double value : log.read(group, name).values)
          out[group + "/" + name].push_back(std::bit_cast<uint64_t>(value));
  }
  return out;
}

void check_same(const fs::path& a, const fs::path& b) {
  CHECK(weights(a) == weights(b));
  const auto first = logged(a), second = logged(b);
  REQUIRE(first.size() == second.size());
  for (const auto& [name, values] : first) {
    CAPTURE(name);
    CHECK(values == second.at(name));
  }
}

}  // namespace

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

TEST_CASE("a run is never overwritten unasked, and resumes only with its own config") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const std::string before = file_text(runs.at("run") / "log.h5");
  Ended again = runs.train("run");
  CHECK(again.status == 2);
  CHECK(again.output.find("a run is already there. --resume continues it") != std::string::npos);
  again = runs.train("run", {"train.batch=8", "--resume"});
  CHECK(again.status == 2);
  CHECK(again.output.find("begun with another config: there '  batch: 6', here '  batch: 8'") !=
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
  for (const char* name : {"overrides.txt", "config.yaml.tmp"})
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
  for (const char* verb :
       {"train", "sweep", "eval", "intervene", "sample", "config", "bench", "doctor"})
    CHECK(run_program({verb, "--help"}).status == 0);
}

TEST_CASE("numbers that end stop the run with the step, the place and a saved state") {
  const Runs runs;
  const Ended ended = runs.train("nan", {"train.optimizer.lr=1.0e30", "train.clip=0.0"});
  CHECK(ended.status == 1);
  CHECK(ended.output.find("step ") != std::string::npos);
  CHECK(ended.output.find("leaves the numbers (NaN or infinity) here") != std::string::npos);
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
  CHECK(unsaved.output.find("leaves the numbers (NaN or infinity) here") != std::string::npos);
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
  CHECK(!fs::exists(runs.at("full") / "log.h5.tmp"));
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

TEST_CASE("an interrupt saves the state, and the run resumes to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("whole", {"train.steps=400"}).status == 0);
  bool interrupted = false;
  for (int wait = 300000; !interrupted && wait > 20000; wait = wait * 2 / 3) {
    const std::string name = "stopped-" + std::to_string(wait);
    Program program(runs.command(name, {"train.steps=400"}));
    while (!fs::exists(runs.at(name) / "train.log")) usleep(1000);
    usleep(wait);
    program.signal(SIGINT);
    const Ended& ended = program.wait();
    if (ended.status == 0) continue;  // it was faster
    interrupted = true;
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK(
        ended.output.find("the run was interrupted; its state is saved. --resume continues it.") !=
        std::string::npos);
    REQUIRE(runs.train(name, {"train.steps=400", "--resume"}).status == 0);
    CHECK(weights(runs.at(name), 400) == weights(runs.at("whole"), 400));
    CHECK(logged(runs.at(name)) == logged(runs.at("whole")));
  }
  CHECK(interrupted);
}

TEST_CASE("two processes cannot work in one run directory") {
  const Runs runs;
  Program first(runs.command("run", {"train.steps=100000"}));
  while (!fs::exists(runs.at("run") / "status")) usleep(1000);
  const Ended second = runs.train("run", {"train.steps=100000", "--resume"});
  CHECK(second.status == 2);
  CHECK(second.output.find("another process is working in this run directory") !=
        std::string::npos);
  first.signal(SIGKILL);
}

TEST_CASE("a sweep trains every run, skips what is done, and refuses a strange folder") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "set: {train: {steps: 10}, probe: {snapshots: []}}\n"
         "grid: {model.position.kind: [none, rope]}\nseeds: [0, 1]\n";
  const std::vector<std::string> command = {"sweep", runs.at("study.yaml").string(), "--out",
                                            runs.at("sweep").string()};
  REQUIRE(run_program(command).status == 0);
  for (const char* kind : {"none", "rope"})
    for (const char* seed : {"0", "1"})
      CHECK(file_text(runs.at("sweep") / (std::string("position.kind=") + kind + ",seed=" + seed) /
                      "status") == "done\n");
  CHECK(run_program(command).status == 2);
  std::vector<std::string> resumed = command;
  resumed.push_back("--resume");
  const Ended again = run_program(resumed);
  CHECK(again.status == 0);
  CHECK(again.output.find("tokens/s") == std::string::npos);
  resumed.push_back("train.batch=8");
  CHECK(run_program(resumed).status == 2);
  const fs::path index = runs.at("sweep") / "sweep.json";  // killed before it was renamed
  fs::rename(index, index.string() + ".tmp");
  resumed.pop_back();
  CHECK(run_program(resumed).status == 0);
}

TEST_CASE("a sweep ends with the events of its finished runs, the same at any thread count") {
  const Runs runs;
  // Under bidirectional masks no key is hidden, and at this threshold any key is a sink.
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "set: {train: {steps: 10}, model: {attention: {mask: bidirectional}},\n"
         "      probe: {every: 2, first: [], snapshots: [], waiver: {received_attention: 0.001}}}\n"
         "seeds: [0, 1]\n";
  const auto sweep = [&](const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> command = {"sweep", runs.at("study.yaml").string(), "--out",
                                        runs.at(name).string()};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  };
  const Ended first = sweep("one", {"--threads", "1"});
  REQUIRE(first.status == 0);
  CHECK(first.output.find("order, with lags") != std::string::npos);
  const fs::path file = runs.at("one") / "events.json";
  const std::string text = file_text(file);
  const auto group = nlohmann::json::parse(text)["groups"][0];
  CHECK(group["group"] == "study");
  CHECK(group["seeds"] == nlohmann::json({0, 1}));
  CHECK(group["run_steps"] == nlohmann::json({10, 10}));
  CHECK(group["events"]["sink"]["step"]["each"] == nlohmann::json({0, 0}));
  CHECK(group["events"]["sink"]["threshold"] == 0.001);
  CHECK(group["events"]["residual"]["step"]["each"] == nlohmann::json({nullptr, nullptr}));
  CHECK(group["onset_layer"] == nlohmann::json({0, 0}));
  for (const int seed : {0, 1}) {
    const Log log = Log::open(runs.at("one") / ("seed=" + std::to_string(seed)) / "log.h5");
    CHECK(log.read("summary", "strongest_key").values[0] == group["place"][seed]["key"]);
    CHECK(log.read("summary", "event_step").values == std::vector<double>{-1, -1, 0, -1, -1});
  }
  REQUIRE(sweep("two", {"--threads", "2"}).status == 0);
  CHECK(file_text(runs.at("two") / "events.json") == text);

  // Written anew, of the runs that are done now.
  fs::remove(file);
  REQUIRE(sweep("one", {"--resume"}).status == 0);
  CHECK(file_text(file) == text);
  CHECK(!fs::exists(file.string() + ".tmp"));
}

TEST_CASE("a sweep with a failed run reports the events of the others, then fails") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "set: {train: {steps: 10, clip: 0.0}, probe: {snapshots: []}}\n"
         "grid: {train.optimizer.lr: [1.0e30, 1.0e-3]}\n";
  const Ended ended =
      run_program({"sweep", runs.at("study.yaml").string(), "--out", runs.at("sweep").string()});
  CHECK(ended.status == 1);
  CHECK(ended.output.find("1 of 2 runs failed: lr=1.0e30,seed=0") != std::string::npos);
  const auto groups = nlohmann::json::parse(file_text(runs.at("sweep") / "events.json"))["groups"];
  REQUIRE(groups.size() == 1);
  CHECK(groups[0]["group"] == "lr=1.0e-3");
}

TEST_CASE("the figures and their table are drawn from the logs alone") {
  if (std::system("/usr/bin/python3 -c 'import h5py, matplotlib' 2>/dev/null") != 0) {
    MESSAGE("skipped: python3-h5py or python3-matplotlib is not installed");
    return;
  }
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "grid: {model.position.kind: [none, alibi]}\nseeds: [0, 1]\n";
  REQUIRE(run_program({"sweep", runs.at("study.yaml").string(), "--out", runs.at("sweep").string()})
              .status == 0);
  const std::string script = WAIVER_SOURCE_DIR "/scripts/figures.py ";
  for (const fs::path& path : {runs.at("sweep"), runs.at("sweep") / "position.kind=none,seed=0"}) {
    REQUIRE(std::system((script + path.string() + " > " + runs.at("table").string()).c_str()) == 0);
    for (const char* name : {"emergence", "attention", "heads"}) {
      CHECK(file_text(path / "figures" / (std::string(name) + ".png")).starts_with("\x89PNG"));
      CHECK(file_text(path / "figures" / (std::string(name) + ".pdf")).starts_with("%PDF"));
    }
    const std::string table = file_text(runs.at("table"));
    CHECK(table.find("onset step") != std::string::npos);
    CHECK(table.find("backcopy risk") != std::string::npos);
  }
  CHECK(file_text(runs.at("table")).find("none") != std::string::npos);
}

TEST_CASE("eval and sample work on a run and on a checkpoint, the same each time") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const std::string checkpoint = (runs.at("run") / "checkpoints" / "step-00000060").string();
  const Ended first = run_program({"eval", runs.at("run").string()});
  CHECK(first.status == 0);
  CHECK(first.output.find("backcopy_risk") != std::string::npos);
  CHECK(run_program({"eval", checkpoint}).output == first.output);
  const Ended text = run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40"});
  CHECK(text.status == 0);
  CHECK(text.output.starts_with("the"));
  CHECK(text.output.size() >= 44);
  CHECK(run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40"}).output ==
        text.output);
  CHECK(run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40", "--seed", "1"})
            .output != text.output);
  CHECK(run_program({"sample", checkpoint, "--prompt", "é"}).status == 2);
  CHECK(run_program({"eval", runs.at("none").string()}).status == 2);
}

TEST_CASE("eval evicts from the cache, beside the same losses as without") {
  const Runs runs;
  REQUIRE(
      runs.train("rope", {"model.position=rope", "train.steps=20", "probe.snapshots=[]"}).status ==
      0);
  REQUIRE(runs.train("learned", {"train.steps=20", "probe.snapshots=[]"}).status == 0);
  const auto eval = [&](const std::string& run, std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", runs.at(run).string()});
    return run_program(std::move(more));
  };
  const auto has = [](const Ended& ended, const std::string& text) {
    INFO(ended.output);
    CHECK(ended.output.find(text) != std::string::npos);
  };
  const std::string plain = eval("rope", {}).output;
  const Ended kept = eval("rope", {"--window", "8", "--keep", "5,0", "--reindex"});
  CHECK(kept.status == 0);
  CHECK(kept.output.starts_with(plain));
  for (const char* part :
       {"positions are ranks within it", "queries 8 … 69", "window 8 and 0, 5", "at random"})
    has(kept, part);
  CHECK(eval("rope", {"--threads", "1", "--window", "8", "--keep", "5,0", "--reindex"}).output ==
        kept.output);
  // The list ends with its word, so an override may follow it.
  const Ended moved = eval("rope", {"--window", "8", "--keep", "5",
                                    "model.attention.mask.self_only=[5]", "--threads=1"});
  CHECK(moved.status == 0);
  has(moved, "window 8 and 5");
  CHECK(moved.output.find(plain) == std::string::npos);
  has(eval("rope", {"--window", "8", "--keep-first", "4", "--context", "100"}), "queries 8 … 99");

  const auto refused = [&](const std::string& run, std::vector<std::string> more,
                           const std::string& why) {
    const Ended ended = eval(run, std::move(more));
    CHECK(ended.status == 2);
    has(ended, why);
  };
  refused("rope", {"--window", "0"}, "window: 0 tokens are too few");
  refused("rope", {"--keep", "0"}, "--window");
  refused("rope", {"--reindex"}, "--window");
  refused("rope", {"--window", "8", "--keep", "70"}, "keep: position 70 is outside the text");
  refused("learned", {"--window", "8", "--reindex"}, "reindex: learned adds positions");
  refused("learned", {"--context", "71"}, "model.context: 71 is more than the 70");
  refused("rope", {"--window", "8", "model.attention.mask=bidirectional"},
          "queries see later tokens");
}

TEST_CASE("masked_token runs, resumes to the same bits, is evaluated, and cannot write") {
  const Runs runs;
  const std::vector<std::string> masked = {"train.objective=masked_token",
                                           "model.attention.mask=bidirectional", "data.last=1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), masked.begin(), masked.end());
    return more;
  };
  REQUIRE(runs.train("one", with({"--threads", "1"})).status == 0);
  REQUIRE(runs.train("two", with({"--threads", "2"})).status == 0);
  check_same(runs.at("one"), runs.at("two"));
  for (const char* step : {"step-00000050", "step-00000060"})
    fs::remove_all(runs.at("two") / "checkpoints" / step);
  const Ended resumed = runs.train("two", with({"--resume"}));
  CHECK(resumed.output.find("Resuming at step 40.") != std::string::npos);
  check_same(runs.at("one"), runs.at("two"));

  const Ended eval = run_program({"eval", runs.at("one").string()});
  CHECK(eval.status == 0);
  CHECK(eval.output.find("backcopy_risk") != std::string::npos);
  const Ended sample = run_program({"sample", runs.at("one").string(), "--prompt", "the"});
  CHECK(sample.status == 2);
  CHECK(sample.output.find("a model of train.objective masked_token guesses hidden tokens") !=
        std::string::npos);

  CHECK(runs.train("causal", {"train.objective=masked_token", "train.steps=1", "probe.snapshots=[]",
                              "train.schedule.warmup=0"})
            .output.find("hidden tokens are guessed from those before them alone") !=
        std::string::npos);
}

TEST_CASE("a separator may be any token of the data, and no other") {
  const Runs runs;
  const auto check = [&](const std::string& separator, std::vector<std::string> more = {}) {
    std::vector<std::string> command = {"config", "check", runs.config(),
                                        "model.attention.mask.separator=" + separator};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  };
  CHECK(check("66").status == 0);
  const Ended beyond = check("67");
  CHECK(beyond.status == 2);
  CHECK(beyond.output ==
        "model.attention.mask.separator: 67 is no token id of this data. Ids go up to 66; -1: one "
        "document.\n");
  CHECK(check("67", {"data.last=1"}).status == 0);
  CHECK(check("67", {"train.objective=masked_token"}).status == 0);
}

TEST_CASE("real-valued data runs, resumes to the same bits, is evaluated, and cannot write") {
  const Runs runs;
  const auto with = [&](std::vector<std::string> more) {
    for (const char* change :
         {"data=trigger_average", "train.objective=regression", "model.input=features",
          "model.width=16", "model.residual=false", "model.sink_tokens=1"})
      more.push_back(change);
    return more;
  };
  REQUIRE(runs.train("one", with({"--threads", "1"})).status == 0);
  REQUIRE(runs.train("two", with({"--threads", "2"})).status == 0);
  check_same(runs.at("one"), runs.at("two"));
  for (const char* step : {"step-00000050", "step-00000060"})
    fs::remove_all(runs.at("two") / "checkpoints" / step);
  const Ended resumed = runs.train("two", with({"--resume"}));
  CAPTURE(resumed.output);
  CHECK(resumed.output.find("Resuming at step 40.") != std::string::npos);
  check_same(runs.at("one"), runs.at("two"));
  const auto series = logged(runs.at("one"));
  for (const char* name : {"probe/max_error", "probe/loss", "probe/bos_attention",
                           "probe/added_attention", "probe/added_sink_rate"})
    CHECK(series.contains(name));
  CHECK_FALSE(series.contains("probe/backcopy_risk"));
  CHECK(Log::open(runs.at("one") / "log.h5").spec("eval", "loss").units == "1");

  const Ended eval = run_program({"eval", runs.at("one").string()});
  CHECK(eval.status == 0);
  CHECK(eval.output.find("max_error") != std::string::npos);
  CHECK(eval.output.find(" nat") == std::string::npos);
  const Ended sample = run_program({"sample", runs.at("one").string(), "--prompt", "1"});
  CHECK(sample.status == 2);
  CHECK(sample.output.find("a model of real-valued features has no tokens to write") !=
        std::string::npos);
}
