// A sweep gives the same summary however it was made: side by side, run by run, killed, or
// continued from records alone.
#include <nlohmann/json.hpp>

#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

using Words = std::vector<std::string>;

class Sweeps {
 public:
  explicit Sweeps(
      const std::string& text =
          "title: A study\nbase: tiny.yaml\n"
          "set: {model: {context: 24}, train: {steps: 20, batch: 4, eval: {every: 0}},\n"
          "      probe: {snapshots: [], every: 2}}\n"
          "grid: {model.position.kind: [none, rope]}\nseeds: [0, 1]\n") {
    std::ofstream(at("study.yaml")) << text;
  }
  fs::path at(const std::string& name) const { return runs_.at(name); }
  Words command(const std::string& name, const Words& more = {}) const {
    Words out = {"sweep", at("study.yaml").string(), "--out", at(name).string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  Ended sweep(const std::string& name, const Words& more = {}) const {
    return run_program(command(name, more));
  }
  // Every file of the summary, times left out.
  std::map<std::string, std::string> summary(const std::string& name) const {
    std::map<std::string, std::string> out;
    for (const char* file : {"events.json", "sweep.json", "experiment.yaml"})
      out[file] = file_text(at(name) / file);
    for (const auto& entry : fs::directory_iterator(at(name) / "records")) {
      auto json = nlohmann::ordered_json::parse(file_text(entry.path()));
      CHECK(json.erase("timing") == 1);
      out[entry.path().filename()] = json.dump(2);
    }
    return out;
  }
  void check_same(const std::string& a, const std::string& b) const {
    const auto first = summary(a), second = summary(b);
    CHECK(first.size() == 3 + 4);
    CHECK(first == second);
  }

 private:
  Runs runs_;
};

bool has(const Ended& ended, const std::string& text) {
  return ended.output.find(text) != std::string::npos;
}

const std::string kFirst = "position.kind=none,seed=0", kLast = "position.kind=rope,seed=1";

}  // namespace

TEST_CASE("side by side, and run by run in any order, a sweep gives the same summary") {
  const Sweeps sweeps;
  const Ended plain = sweeps.sweep("plain");
  CAPTURE(plain.output);
  REQUIRE(plain.status == 0);
  size_t headers = 0;
  for (size_t at = 0; (at = plain.output.find("oneDNN", at)) != plain.output.npos; ++at) ++headers;
  CHECK(headers == 1);
  CHECK(has(plain, "[4/4] "));

  const Ended two = sweeps.sweep("two", {"--jobs", "2", "--threads", "2"});
  REQUIRE(two.status == 0);
  CHECK(has(two, "4 runs, 2 side by side"));
  sweeps.check_same("two", "plain");
  for (const std::string& name : {kFirst, kLast})
    CHECK(file_text(sweeps.at("two") / name / "environment.json").find("\"threads\": \"1\"") !=
          std::string::npos);

  for (const char* only : {"3", "1,4", "2"})
    REQUIRE(sweeps.sweep("parts", {"--only", only, "--threads", "1"}).status == 0);
  CHECK(!fs::exists(sweeps.at("parts") / "events.json"));
  const Ended collected = sweeps.sweep("parts", {"--collect"});
  CHECK(collected.status == 0);
  CHECK(has(collected, "All 4 runs are there."));
  sweeps.check_same("parts", "plain");
}

TEST_CASE("runs asked for at the same moment share a folder") {
  const Sweeps sweeps;
  REQUIRE(sweeps.sweep("plain").status == 0);
  Program a(sweeps.command("shared", {"--only", "1-2"})),
      b(sweeps.command("shared", {"--only", "3"})), c(sweeps.command("shared", {"--only", "4"}));
  CHECK(a.wait().status == 0);
  CHECK(b.wait().status == 0);
  CHECK(c.wait().status == 0);
  REQUIRE(sweeps.sweep("shared", {"--collect"}).status == 0);
  sweeps.check_same("shared", "plain");
}

TEST_CASE("a sweep that is killed anywhere resumes to the same summary") {
  const Sweeps sweeps;
  REQUIRE(sweeps.sweep("plain").status == 0);
  const struct {
    const char* jobs;
    useconds_t wait;
  } moments[] = {{"1", 300000}, {"2", 120000}, {"2", 300000}, {"2", 500000}};
  for (const auto& [jobs, wait] : moments) {
    const std::string name = "killed-" + std::string(jobs) + "-" + std::to_string(wait);
    CAPTURE(name);
    Program program(sweeps.command(name, {"--jobs", jobs, "--threads", "2"}));
    usleep(wait);
    program.signal(SIGKILL);
    program.wait();
    const Ended resumed = sweeps.sweep(name, {"--resume", "--jobs", jobs, "--threads", "2"});
    CAPTURE(resumed.output);
    REQUIRE(resumed.status == 0);
    sweeps.check_same(name, "plain");
  }
}

TEST_CASE("a request to stop reaches all runs, each saves its state, and the sweep exits with 3") {
  const Sweeps sweeps(
      "title: A study\nbase: tiny.yaml\nset: {train: {steps: 4000}, probe: {snapshots: [], every: "
      "1000}}\nseeds: [0, 1, 2]\n");
  Program program(sweeps.command("stopped", {"--jobs", "2", "--threads", "2"}));
  for (const char* seed : {"seed=0", "seed=1"})
    while (file_text(sweeps.at("stopped") / seed / "train.log").find("step 201/") ==
           std::string::npos)
      usleep(10000);
  program.signal(SIGTERM);
  const Ended ended = program.wait();
  CAPTURE(ended.output);
  CHECK(ended.status == 3);
  CHECK(has(ended, "the sweep was interrupted; its runs have saved their states."));
  for (const char* seed : {"seed=0", "seed=1"})
    CHECK(file_text(sweeps.at("stopped") / seed / "status").starts_with("stopped: step "));
  CHECK(!fs::exists(sweeps.at("stopped") / "seed=2"));
  const Ended status = sweeps.sweep("stopped", {"--status"});
  CHECK(status.status == 0);
  CHECK(has(status, "stopped"));
  CHECK(has(status, "not started"));
  CHECK(has(status, "0 of 3 runs done."));
}

TEST_CASE("a sweep continues from its records alone, in an empty folder or beside the study") {
  const Sweeps sweeps;
  REQUIRE(sweeps.sweep("plain").status == 0);
  const auto copy = [&](const fs::path& to) {
    fs::create_directories(to.parent_path());
    fs::copy(sweeps.at("plain") / "records", to);
  };
  copy(sweeps.at("moved") / "records");
  CHECK(sweeps.sweep("moved").status == 2);
  REQUIRE(sweeps.sweep("moved", {"--resume"}).status == 0);
  CHECK(!fs::exists(sweeps.at("moved") / kFirst));
  sweeps.check_same("moved", "plain");
  CHECK(has(sweeps.sweep("moved", {"--status"}), "by its record"));

  // One is missing, and is trained.
  copy(sweeps.at("partly") / "records");
  fs::remove(sweeps.at("partly") / "records" / (kLast + ".json"));
  const Ended collected = sweeps.sweep("partly", {"--collect"});
  CHECK(collected.status == 0);
  CHECK(has(collected, "Missing: 1 of 4 runs: " + kLast + " (4)."));
  REQUIRE(sweeps.sweep("partly", {"--resume"}).status == 0);
  CHECK(!fs::exists(sweeps.at("partly") / kFirst));
  CHECK(fs::exists(sweeps.at("partly") / kLast));
  sweeps.check_same("partly", "plain");

  copy(sweeps.at("records") / "study");
  REQUIRE(sweeps.sweep("committed", {"--resume"}).status == 0);
  CHECK(!fs::exists(sweeps.at("committed") / kFirst));
  sweeps.check_same("committed", "plain");
  // Records count only where they are asked for.
  REQUIRE(sweeps.sweep("afresh").status == 0);
  CHECK(fs::exists(sweeps.at("afresh") / kFirst));
  // Those that do not fit are not used.
  const Ended longer = sweeps.sweep("longer", {"--collect", "train.steps=21"});
  CHECK(longer.status == 1);
  CHECK(has(longer, "are of another config or other data, and are not used"));
  CHECK(has(longer, "none of the 4 runs is finished"));
  CHECK(!fs::exists(sweeps.at("longer")));
}

TEST_CASE("a record from other code or another processor is used, and named") {
  const Sweeps sweeps;
  REQUIRE(sweeps.sweep("plain").status == 0);
  fs::create_directories(sweeps.at("moved"));
  fs::copy(sweeps.at("plain") / "records", sweeps.at("moved") / "records");
  const auto change = [&](const std::string& name, const std::string& fact) {
    const fs::path file = sweeps.at("moved") / "records" / (name + ".json");
    auto json = nlohmann::ordered_json::parse(file_text(file));
    json["made_by"][0][fact] = "abacus";
    std::ofstream(file) << json.dump(2) << "\n";
  };
  change(kFirst, "processor");
  change(kLast, "code");
  const Ended resumed = sweeps.sweep("moved", {"--resume"});
  CHECK(resumed.status == 0);
  CHECK(has(resumed,
            "Note: made by another processor, abacus, so the bits may differ from those "
            "made here: " +
                kFirst + "."));
  CHECK(has(resumed,
            "Note: made by other code, abacus, so the bits may differ from those made "
            "here: " +
                kLast + "."));
  CHECK(file_text(sweeps.at("moved") / "events.json") ==
        file_text(sweeps.at("plain") / "events.json"));
  // Of another config, in the sweep's own folder, it is refused, and nothing is written.
  fs::create_directories(sweeps.at("other"));
  fs::copy(sweeps.at("plain") / "records", sweeps.at("other") / "records");
  const Ended other = sweeps.sweep("other", {"--resume", "train.steps=21"});
  CHECK(other.status == 2);
  CHECK(has(other, "this is the record of a run with another config"));
  CHECK(!fs::exists(sweeps.at("other") / "sweep.json"));
}

TEST_CASE("the commands that are listed survive the shell, and make the sweep") {
  const Sweeps sweeps;
  REQUIRE(sweeps.sweep("plain").status == 0);
  const std::string out = "it's \"here\" $HOME;";
  const Ended listed = sweeps.sweep(out, {"--list", "--only", "2-4"});
  REQUIRE(listed.status == 0);
  CHECK(std::ranges::count(listed.output, '\n') == 3);
  CHECK(!fs::exists(sweeps.at(out)));
  std::istringstream lines(listed.output);
  for (std::string line; std::getline(lines, line);)
    CHECK(std::system((line + " > /dev/null").c_str()) == 0);
  REQUIRE(sweeps.sweep(out, {"--only", "1"}).status == 0);
  CHECK(has(sweeps.sweep(out, {"--only", "1"}), "done already"));
  REQUIRE(sweeps.sweep(out, {"--collect"}).status == 0);
  sweeps.check_same(out, "plain");
  CHECK(has(sweeps.sweep("two", {"--list", "--jobs", "2", "--threads", "4"}), "--threads 2"));
}

TEST_CASE("a bad number of a run is refused") {
  const Sweeps sweeps;
  for (const char* only : {"0", "5", "2-9", "a", "1-", "1,,2", "-1"}) {
    const Ended ended = sweeps.sweep("none", {std::string("--only=") + only});
    CHECK(ended.status == 2);
    CHECK(has(ended, "expected numbers of runs, 1 to 4"));
  }
  const Ended back = sweeps.sweep("none", {"--only", "1,3-2"});
  CHECK(back.status == 2);
  CHECK(has(back, "--only 1,3-2: 3-2 goes backwards. Write 2-3."));
  CHECK(sweeps.sweep("none", {"--only", "1", "--collect"}).status == 2);
  CHECK(!fs::exists(sweeps.at("none")));
}

TEST_CASE("a dry run and a check say what a study takes, and leave no file") {
  const Sweeps sweeps;
  const Ended dry = sweeps.sweep("dry", {"--dry-run", "--jobs", "2", "--threads", "2"});
  CHECK(dry.status == 0);
  for (const std::string& part : {kFirst, kLast, std::string("4 runs, 2 at a time: about ")})
    CHECK(has(dry, part));
  CHECK(!fs::exists(sweeps.at("dry")));
  const Ended check = run_program({"config", "check", sweeps.at("study.yaml").string()});
  CHECK(check.status == 0);
  CHECK(has(check, "fine. 4 runs."));
  CHECK(has(check, "The largest, position.kind="));
  const Ended bad =
      run_program({"config", "check", sweeps.at("study.yaml").string(), "train.step=3"});
  CHECK(bad.status == 2);
  CHECK(has(bad, "Did you mean train.steps?"));
  const Ended shown = run_program({"config", "show", sweeps.at("study.yaml").string()});
  CHECK(shown.status == 0);
  CHECK(has(shown, "---\n# " + kLast + "\nmodel:"));
  CHECK(has(sweeps.sweep("many", {"--jobs", "9", "--threads", "2", "--dry-run"}),
            "4 runs, 2 at a time"));
}
