// Sweeps, their events and figures, by the program itself.
#include <nlohmann/json.hpp>

#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

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
  fs::rename(index, index.string() + ".waiver-tmp");
  resumed.pop_back();
  CHECK(run_program(resumed).status == 0);
}

TEST_CASE("a sweep ends with the events of its finished runs, the same at any thread count") {
  const Runs runs;
  // Under bidirectional masks no key is hidden, and at this threshold any key is a sink.
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\n"
         "set: {train: {steps: 10, objective: masked_token}, model: {attention: {mask: "
         "bidirectional}},\n"
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
  CHECK(first.output.find("\nevents ") != std::string::npos);
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
  CHECK(!fs::exists(file.string() + ".waiver-tmp"));
}

TEST_CASE("a sweep's list has the study's seeds, whatever keys they set") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "base: tiny.yaml\nset: {train: {steps: 2}, probe: {snapshots: []}}\n"
         "seeds: [3, 4]\nseed_keys: [seed.data]\n";
  REQUIRE(run_program({"sweep", runs.at("study.yaml").string(), "--out", runs.at("s").string()})
              .status == 0);
  const auto index = nlohmann::json::parse(file_text(runs.at("s") / "sweep.json"));
  CHECK(index["runs"][0]["seed"] == 3);
  CHECK(index["runs"][1]["seed"] == 4);
}

TEST_CASE("a place that is no folder is refused before anything is trained") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml")) << "base: tiny.yaml\n";
  put_bytes(runs.at("file"), "mine");
  fs::create_symlink(runs.at("nowhere"), runs.at("link"));
  for (const char* place : {"file", "link"})
    for (const char* how : {"--dry-run", "--status", "--resume"}) {
      const Ended ended = run_program(
          {"sweep", runs.at("study.yaml").string(), "--out", runs.at(place).string(), how});
      CHECK(ended.status == 2);
      CHECK(contains(ended.output, "this is no folder, and a sweep needs one"));
    }
  CHECK(file_text(runs.at("file")) == "mine");
}

TEST_CASE("a damaged run does not hide the others, and a sentence says what to do") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "base: tiny.yaml\nset: {train: {steps: 4}, probe: {snapshots: []}}\nseeds: [0, 1, 2]\n";
  const auto sweep = [&](const std::string& how) {
    return run_program(
        {"sweep", runs.at("study.yaml").string(), "--out", runs.at("s").string(), how});
  };
  REQUIRE(sweep("--resume").status == 0);
  fs::remove_all(runs.at("s/records"));
  fs::remove(runs.at("s/seed=0/log.h5"));
  put_bytes(runs.at("s/seed=1/log.h5"), "torn");
  const Ended status = sweep("--status");
  CHECK(status.status == 0);
  CHECK(contains(status.output, "without log"));
  CHECK(contains(status.output, "damaged"));
  CHECK(contains(status.output, "1 of 3 runs done."));
  for (const char* how : {"--collect", "--resume"}) {
    const Ended ended = sweep(how);
    CHECK(ended.status == 1);
    CHECK(contains(ended.output, "seed=0 away, and --resume trains that run anew."));
  }
  for (const char* run : {"s/seed=0", "s/seed=1"})
    fs::rename(runs.at(run), runs.at(fs::path(run).filename().string()));
  CHECK(sweep("--resume").status == 0);
  CHECK(contains(sweep("--status").output, "3 of 3 runs done."));
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

TEST_CASE("the figures and their table are drawn from nothing but the logs") {
  if (std::system("/usr/bin/python3 -c 'import h5py, matplotlib, yaml' 2>/dev/null") != 0) {
    MESSAGE("skipped: python3-h5py, python3-matplotlib or python3-yaml is not installed");
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
    CHECK(table.find("emerged") != std::string::npos);
    CHECK(table.find("backcopy risk") != std::string::npos);
  }
  CHECK(file_text(runs.at("table")).find("none") != std::string::npos);
}
