// What belongs together is known, and what does not is refused by name: runs, their data, their
// checkpoints and logs, by the program itself.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/files/files.h"
#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

void put_tokens(const fs::path& path, int count, int step) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>(i * step % 40);
    bytes += '\0';
  }
  put_bytes(path, bytes);
}

void has(const Ended& ended, int status, const std::string& text) {
  INFO(ended.output);
  CHECK(ended.status == status);
  CHECK(contains(ended.output, text));
}

/// The names of a run's checkpoints.
std::vector<std::string> saved(const fs::path& run) {
  std::vector<std::string> out;
  for (const fs::path& entry : entries_of(run / "checkpoints"))
    out.push_back(entry.filename().string());
  return out;
}

/// Every file of a folder, with its bytes.
std::map<std::string, std::string> bytes_in(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out[entry.path().string()] = file_text(entry.path());
  return out;
}

const char* const kSmall[] = {"train.steps=20", "probe.snapshots=[]"};

/// Runs on token files and on a text that the tests change.
struct DataRuns : Runs {
  std::string tokens = (at("train.bin")).string(), text = at("text.txt").string();
  DataRuns() {
    put_tokens(tokens, 4000, 7);
    std::string words;
    for (int i = 0; i < 200; ++i) words += "abcdef ";
    put_bytes(text, words);
  }
  Ended on_tokens(const std::string& name, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {kSmall[0], kSmall[1],
                               "data={kind: tokens, train: " + tokens + ", validation: " + tokens +
                                   ", vocabulary: 40}"});
    return train(name, more);
  }
  Ended on_text(const std::string& name) const {
    return train(name, {kSmall[0], kSmall[1], "data={kind: text, path: " + text + "}"});
  }
};

}  // namespace

TEST_CASE("a run whose token file was replaced by one of the same size is not resumed") {
  const DataRuns runs;
  REQUIRE(runs.on_tokens("run").status == 0);
  fs::remove_all(runs.at("run") / "checkpoints" / "step-00000020");
  const auto before = bytes_in(runs.at("run"));
  put_tokens(runs.tokens, 4000, 11);
  has(runs.on_tokens("run", {"--resume"}), 2,
      "train.bin is not what " + runs.at("run").string() + " was trained on");
  CHECK(bytes_in(runs.at("run")) == before);
  has(run_program({"eval", runs.at("run").string()}), 2, "data.train: ");
  has(run_program({"eval", runs.at("run").string(), "data.train=" + runs.tokens,
                   "data.validation=" + runs.tokens}),
      0, "validation loss");
  put_tokens(runs.tokens, 4000, 7);
  CHECK(runs.on_tokens("run", {"--resume"}).status == 0);
}

TEST_CASE("a text that changed is not decoded with other characters") {
  const DataRuns runs;
  REQUIRE(runs.on_text("run").status == 0);
  const std::string run = runs.at("run").string(), before = file_text(runs.text);
  const Ended eval = run_program({"eval", run});
  REQUIRE(eval.status == 0);
  std::string changed = before;
  std::ranges::replace(changed, 'f', 'z');
  put_bytes(runs.text, changed);
  has(run_program({"eval", run}), 2, "data.path: ");
  has(run_program({"sample", run, "--prompt", "abc"}), 2, "is not what");
  CHECK(run_program({"eval", run, "data=text"}).status == 2);  // that names no file
  has(run_program({"probe", run}), 2, "data.path=FILE");
  // Named anew, it is told in the model's own characters, by their strings and not by their ids.
  has(run_program({"eval", run, "data.path=" + runs.text}), 2, "'z'");
  std::string fewer = before;
  std::ranges::replace(fewer, 'a', 'b');
  put_bytes(runs.text, fewer);
  const Ended sample =
      run_program({"sample", run, "data.path=" + runs.text, "--prompt", "a", "--tokens", "5"});
  has(sample, 0, "a");
  put_bytes(runs.text, before);
  CHECK(run_program({"sample", run, "--prompt", "a", "--tokens", "5"}).output == sample.output);
  CHECK(run_program({"eval", run, "data.path=" + runs.text}).output == eval.output);
}

TEST_CASE("a model of characters does not take ids for its tokens") {
  const DataRuns runs;
  REQUIRE(runs.on_text("run").status == 0);
  std::string few;
  for (int i = 0; i < 400; ++i) few += std::string{static_cast<char>(i % 7), '\0'};
  put_bytes(runs.tokens, few);
  has(run_program({"eval", runs.at("run").string(),
                   "data={kind: tokens, train: " + runs.tokens + ", validation: " + runs.tokens +
                       ", vocabulary: 7}"}),
      2, "its tokens are not those of");
}

TEST_CASE("a checkpoint or a log of another run is refused when a run resumes") {
  const Runs runs;
  for (const char* seed : {"0", "1"})
    REQUIRE(runs.train(seed, {kSmall[0], kSmall[1], std::string("seed.init=") + seed}).status == 0);
  const fs::path checkpoint = fs::path("checkpoints") / "step-00000020";
  const auto resume = [&] {
    return runs.train("0", {kSmall[0], kSmall[1], "seed.init=0", "--resume"});
  };
  const auto whole = bytes_in(runs.at("0"));
  fs::rename(runs.at("0") / "log.h5", runs.at("log"));
  fs::copy(runs.at("1") / "log.h5", runs.at("0") / "log.h5");
  has(resume(), 2, "log.h5: this log belongs to another run");
  fs::remove_all(runs.at("0") / "checkpoints");
  has(resume(), 2, "log.h5: this log belongs to another run");  // though it would be begun anew
  fs::remove(runs.at("0") / "log.h5");
  fs::rename(runs.at("log"), runs.at("0") / "log.h5");
  fs::create_directories(runs.at("0") / "checkpoints");
  fs::copy(runs.at("1") / checkpoint, runs.at("0") / checkpoint);
  has(resume(), 2, "this checkpoint belongs to another run");
  has(run_program({"eval", runs.at("0").string()}), 2, "this checkpoint belongs to another run");
  CHECK(file_text(runs.at("0") / "log.h5") == whole.at((runs.at("0") / "log.h5").string()));
}

TEST_CASE("a resume that is refused leaves the run as it was") {
  const Runs runs;
  const std::vector<std::string> plain = {"train.schedule.kind=constant", "probe.snapshots=[]"};
  const auto train = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), plain.begin(), plain.end());
    return runs.train(name, more);
  };
  REQUIRE(train("run", {}).status == 0);
  REQUIRE(train("other", {"seed.data=1"}).status == 0);
  fs::copy_file(runs.at("other") / "log.h5", runs.at("run") / "log.h5",
                fs::copy_options::overwrite_existing);
  auto before = bytes_in(runs.at("run"));
  has(train("run", {"train.steps=80", "--resume"}), 2, "this log belongs to another run");
  auto after = bytes_in(runs.at("run"));
  for (auto* all : {&before, &after}) all->erase((runs.at("run") / "train.log").string());
  CHECK(after == before);
}

TEST_CASE("a foreign checkpoint is not taken for a damaged one, nor does it displace the run's") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.schedule.kind=constant"}).status == 0);
  REQUIRE(runs.train("other", {"train.steps=61", "model.width=8", "train.schedule.kind=constant"})
              .status == 0);
  fs::copy(runs.at("other") / "checkpoints/step-00000061",
           runs.at("run") / "checkpoints/step-00000061");
  const auto longer = [&] {
    return runs.train("run", {"train.steps=80", "train.schedule.kind=constant", "--resume"});
  };
  has(longer(), 2, "this checkpoint belongs to another run");
  fs::remove_all(runs.at("run") / "checkpoints/step-00000061");
  fs::create_directories(runs.at("run") / "checkpoints/step-00000070");
  put_bytes(runs.at("run") / "checkpoints/step-00000070/notes.txt", "mine");
  has(run_program({"eval", runs.at("run").string()}), 0, "(step 60)");
  has(longer(), 0, "Resuming at step 60.");
}

TEST_CASE("a run whose identity.json is gone continues, even with other steps") {
  const Runs runs;
  const auto train = [&](std::vector<std::string> more) {
    more.push_back("train.schedule.kind=constant");
    return runs.train("run", more);
  };
  REQUIRE(train({}).status == 0);
  const std::string identity = file_text(runs.at("run") / "identity.json");
  fs::remove(runs.at("run") / "identity.json");
  CHECK(train({"train.steps=70", "--resume"}).status == 0);
  CHECK(file_text(runs.at("run") / "identity.json") == identity);
}

TEST_CASE("an older log under a newer checkpoint is refused, and a newer log is cut back") {
  const Runs runs;
  REQUIRE(runs.train("whole").status == 0);
  REQUIRE(runs.train("run").status == 0);
  const fs::path log = runs.at("run") / "log.h5";
  const std::string newer = file_text(log);
  {
    Log older = Log::open(log);
    older.shrink(25);
    older.flush();
  }
  const std::string cut = file_text(log);
  has(runs.train("run", {"--resume"}), 2, "its rows before step 60 are not those");
  CHECK(file_text(log) == cut);
  put_bytes(log, newer);
  fs::remove_all(runs.at("run") / "checkpoints" / "step-00000060");
  CHECK(runs.train("run", {"--resume"}).status == 0);
  check_same(runs.at("run"), runs.at("whole"));
}

TEST_CASE("the identity is the same each time, and another with another config") {
  const Runs runs;
  const auto identity = [&](const std::string& name) {
    return nlohmann::json::parse(file_text(runs.at(name) / "identity.json")).at("identity");
  };
  for (const char* name : {"a", "b"}) REQUIRE(runs.train(name, {kSmall[0], kSmall[1]}).status == 0);
  REQUIRE(runs.train("c", {kSmall[0], kSmall[1], "seed.data=3"}).status == 0);
  CHECK(identity("a") == identity("b"));
  CHECK(identity("a") != identity("c"));
  CHECK(Log::open(runs.at("a") / "log.h5").identity() == identity("a"));
  CHECK(bytes_in(runs.at("a") / "checkpoints").size() == 4);
  CHECK(file_text(runs.at("a") / "checkpoints/step-00000020/state.h5") ==
        file_text(runs.at("b") / "checkpoints/step-00000020/state.h5"));
}

TEST_CASE("a run continues in its folder when that is renamed, and not in a new one of its name") {
  const Runs runs;
  Program first(
      runs.command("run", {"train.steps=100000", "train.schedule.kind=constant",
                           "train.checkpoint={every: 20, keep: 0}", "probe.snapshots=[]"}));
  REQUIRE(first.makes(runs.at("run") / "checkpoints" / "step-00000020"));
  fs::rename(runs.at("run"), runs.at("moved"));
  REQUIRE(runs.train("run", {kSmall[0], kSmall[1]}).status == 0);
  CHECK(first.makes(runs.at("moved") / "checkpoints" / "step-00000100"));
  first.signal(SIGTERM);
  const Ended& ended = first.wait();
  CHECK(contains(ended.output, "its state is saved"));
  CHECK(!contains(ended.output, "/proc/"));
  CHECK(file_text(runs.at("moved") / "status").starts_with("stopped"));
  CHECK(file_text(runs.at("run") / "status") == "done\n");
  CHECK(Log::open(runs.at("run") / "log.h5").steps("train").back() == 15);
}

TEST_CASE("another study leaves a sweep's index alone, and a study may grow") {
  const Runs runs;
  const auto study = [&](const std::string& file, const std::string& seeds, const std::string& set,
                         bool resume) {
    std::ofstream(runs.at(file)) << "title: " << file << "\nbase: tiny.yaml\n"
                                 << "set: {train: {steps: 10}, probe: {snapshots: []}" << set
                                 << "}\nseeds: " << seeds << "\n";
    std::vector<std::string> command = {"sweep", runs.at(file).string(), "--out",
                                        runs.at("sweep").string()};
    if (resume) command.push_back("--resume");
    return run_program(command);
  };
  REQUIRE(study("a.yaml", "[0]", "", false).status == 0);
  const auto before = bytes_in(runs.at("sweep"));
  has(study("b.yaml", "[1]", "", true), 2, "so it belongs to another study");
  has(study("a.yaml", "[0]", ", model: {heads: 1}", true), 2, "started with another config");
  CHECK(bytes_in(runs.at("sweep")) == before);
  CHECK(study("a.yaml", "[0, 1]", "", true).status == 0);
}

TEST_CASE("a sweep whose data changed is not continued") {
  const DataRuns runs;
  std::ofstream(runs.at("study.yaml")) << "title: t\nbase: tiny.yaml\nset: {train: {steps: 10}, "
                                          "probe: {snapshots: []}, data: {kind: "
                                          "text, path: " +
                                              runs.text + "}}\nseeds: [0]\n";
  std::vector<std::string> command = {"sweep", runs.at("study.yaml").string(), "--out",
                                      runs.at("sweep").string()};
  REQUIRE(run_program(command).status == 0);
  put_bytes(runs.text, file_text(runs.text) + "abc");
  command.push_back("--resume");
  has(run_program(command), 2, "data.path: ");
}

TEST_CASE("a finished run continues with more steps to the bits of one that was never shorter") {
  const Runs runs;
  const std::vector<std::string> plain = {"train.schedule.kind=constant", "probe.every=4"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), plain.begin(), plain.end());
    return more;
  };
  REQUIRE(runs.train("whole", with({"train.steps=90"})).status == 0);
  REQUIRE(runs.train("run", with({})).status == 0);
  REQUIRE(runs.train("run", with({"train.steps=90", "--resume"})).status == 0);
  CHECK(weights(runs.at("run"), 90) == weights(runs.at("whole"), 90));
  CHECK(logged(runs.at("run")) == logged(runs.at("whole")));
  CHECK(file_text(runs.at("run") / "config.yaml") == file_text(runs.at("whole") / "config.yaml"));
  const auto before = bytes_in(runs.at("run"));
  has(runs.train("run", with({"train.steps=80", "--resume"})), 2, "train.steps: ");
  CHECK(bytes_in(runs.at("run")) == before);
}

TEST_CASE("a schedule that ends with the run keeps it from being made longer, which is said") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  has(runs.train("run", {"train.steps=90", "--resume"}), 2,
      "the schedule cosine ends at the last step");
  CHECK(contains(runs.train("new", {"--resume", kSmall[0], kSmall[1]}).output,
                 "There is no run here to resume"));
}

TEST_CASE("the initial weights are saved where they are asked for, and stay") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.checkpoint.at=[0, 7]", "train.checkpoint.keep=1"}).status == 0);
  CHECK(saved(runs.at("run")) ==
        std::vector<std::string>{"step-00000000", "step-00000007", "step-00000060"});
  CHECK(run_program({"eval", (runs.at("run") / "checkpoints/step-00000000").string()}).status == 0);
}

TEST_CASE("an old checkpoint that a killed run left goes when the finished run is resumed") {
  const Runs runs;
  const std::vector<std::string> keep = {"train.checkpoint.every=20", "train.checkpoint.keep=2"};
  auto resumed = keep;
  resumed.push_back("--resume");
  REQUIRE(runs.train("run", keep).status == 0);
  const fs::path checkpoints = runs.at("run") / "checkpoints";
  const std::vector<std::string> kept = {"step-00000040", "step-00000060"};
  CHECK(saved(runs.at("run")) == kept);
  const auto before = bytes_in(checkpoints);
  fs::copy(checkpoints / "step-00000040",
           checkpoints / "step-00000020");  // killed before it was removed
  REQUIRE(runs.train("run", resumed).status == 0);
  CHECK(bytes_in(checkpoints) == before);
}
