// The events of a study's groups, on logs written by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files/files.h"
#include "hand_log.h"
#include "run/directory.h"
#include "study/events_report.h"
#include "temporary.h"

using namespace waiver;

namespace {

// Two groups of runs of 100 steps, finished but for one; `free` is a task without a risk.
struct HandStudy {
  TemporaryFolder folder;
  Study study = {"hand", "", "By hand", "", "base.yaml", {}};

  void add(const std::string& group, int64_t seed, const HandLog& log,
           const std::string& status = "done\n") {
    StudyRun run = {
        group + (group.empty() ? "" : ",") + "seed=" + std::to_string(seed), group, {}, {}};
    run.seed = seed;
    run.config.train.steps = 100;
    make_folder(folder / run.name);
    log.make(folder / (run.name + "/log.h5")).flush();
    put_bytes(folder / (run.name + "/status"), status);
    study.runs.push_back(run);
  }
  // Of the finished runs, in files of their own.
  std::vector<RunRecord> records() const {
    std::vector<RunRecord> out;
    for (const StudyRun& run : study.runs) {
      const std::filesystem::path place = folder / run.name;
      if (run_status(place.string()) != "done") continue;
      const RunRecord record = RunRecord::of(study, run, {}, place);
      write_atomically(folder / "record.json", record.to_json());
      out.push_back(RunRecord::read(folder / "record.json"));
      CHECK(out.back().to_json() == record.to_json());
    }
    return out;
  }
  StudyEvents events() const { return events_of(records()); }
  void fill() {
    for (const int64_t seed : {0, 1, 2}) add("position=rope", seed, emerging(seed, 2 + seed));
    HandLog still;
    still.alpha(0, 1, 0, kFlat);
    still.risk(std::vector<double>(N, 3.0));
    add("position=none", 0, emerging(0));
    add("position=none", 1, still);
    add("position=none", 2, emerging(0), "failed: step 3\n");
    add("position=none", 3, emerging(0), "running\n");
  }
};

}  // namespace

TEST_CASE("a study's events have medians with intervals, an order and lags") {
  HandStudy hand;
  hand.fill();
  const StudyEvents events = hand.events();
  REQUIRE(events.groups.size() == 2);
  CHECK(events.without.empty());
  const GroupEvents &rope = events.groups[0], &none = events.groups[1];
  CHECK(rope.name == "position=rope");
  REQUIRE(rope.runs.size() == 3);
  CHECK(rope.find("value")->step.each == std::vector<double>{20, 30, 40});
  CHECK(rope.find("value")->step.middle.estimate == 30);
  CHECK(rope.find("value")->step.middle.low == 20);
  CHECK(rope.find("value")->step.middle.high == 40);
  CHECK(rope.together.steps.each == std::vector<double>{0, 10, 20});
  // 100 steps: lags of 0 and 10 are within a tenth of the run, 20 is not.
  CHECK(rope.both == 3);
  CHECK(rope.within == 2);
  CHECK(rope.order == std::vector<std::string_view>{"risk", "enrichment", "sink", "value"});

  REQUIRE(none.runs.size() == 2);  // the failed and the unfinished run are left out
  CHECK(none.find("sink")->step.each == std::vector<double>{30, INFINITY});
  CHECK(none.find("sink")->step.middle.estimate == INFINITY);
  CHECK(std::isnan(none.together.steps.each[1]));
  CHECK(none.together.steps.middle.estimate == 20);
  CHECK(none.both == 1);
  CHECK(none.within == 0);
  CHECK(none.order.empty());
}

TEST_CASE("a lead of the value counts by its size") {
  HandStudy hand;
  HandLog log = emerging(0, 1);
  log.enrichment(1, 0, 0, rises_at(4, 4));
  hand.add("g", 0, log);
  const GroupEvents group = hand.events().groups.at(0);
  CHECK(group.together.steps.each == std::vector<double>{-30});
  CHECK(group.both == 1);
  CHECK(group.within == 0);
}

TEST_CASE("events.json and the printed table say the same") {
  HandStudy hand;
  hand.fill();
  report_events(hand.events(), hand.folder.path());
  const std::string text = read_file(hand.folder / "events.json");
  CHECK((text == to_json(hand.events())));
  const auto json = nlohmann::json::parse(text);
  CHECK(json["persistence"] == 3);
  const auto& rope = json["groups"][0];
  CHECK(rope["group"] == "position=rope");
  CHECK(rope["seeds"] == nlohmann::json({0, 1, 2}));
  CHECK(rope["place"][2] == nlohmann::json({{"layer", 1}, {"head", 0}, {"key", 2}}));
  CHECK(rope["onset_layer"] == nlohmann::json({1, 1, 1}));
  CHECK(rope["order"] == nlohmann::json({"risk", "enrichment", "sink", "value"}));
  CHECK(rope["events"]["value"]["side"] == "below");
  CHECK(rope["events"]["value"]["threshold"] == 0.5);
  CHECK(rope["events"]["value"]["step"] ==
        nlohmann::json({{"each", {20, 30, 40}}, {"median", 30}, {"low", 20}, {"high", 40}}));
  CHECK(rope["events"]["value"]["change_size"]["median"] == -0.75);
  CHECK(rope["events"]["residual"]["step"]["each"] == nlohmann::json({nullptr, nullptr, nullptr}));
  CHECK(rope["events"]["residual"]["change_step"]["median"] == nullptr);  // it never moved
  CHECK(rope["lags"][2]["to"] == "value");
  CHECK(rope["lags"][2]["lag"]["each"] == nlohmann::json({-10, 0, 10}));
  CHECK(rope["value_after_enrichment"]["within"] == 2);
  const auto& none = json["groups"][1];
  CHECK(none["seeds"] == nlohmann::json({0, 1}));
  CHECK(!none["events"]["sink"]["step"]["each"][0].is_null());
  CHECK(none["events"]["sink"]["step"]["high"] == nullptr);
  CHECK(none["onset_layer"] == nlohmann::json({1, nullptr}));

  const std::string table = to_table(hand.events());
  for (const char* part : {"30 [20, 40]", "risk → enrichment +10 → sink +10 → value +0", "1 1 1",
                           "+10 [+0, +20]; 2 of 3", "never [30, never]", "1 –", "+20; 0 of 1",
                           "value: value_ratio below 0.5"}) {
    CAPTURE(table);
    CHECK(contains(table, part));
  }
}

TEST_CASE("groups without a finished run are left out, and runs without probes are named") {
  HandStudy hand;
  hand.add("a", 0, emerging(0), "running\n");
  hand.add("b", 0, emerging(0));
  HandLog without;
  for (int64_t l = 0; l < L; ++l) without.see(l, {0, 0, 0, 0});
  hand.add("c", 0, without);
  const StudyEvents events = hand.events();
  REQUIRE(events.groups.size() == 1);
  CHECK(events.groups[0].name == "b");
  CHECK(events.without == std::vector<std::string>{"c,seed=0"});
  CHECK(contains(to_table(events), "No events, for want of probes or of attention: c,seed=0."));
  // A task without a backcopy risk has no such event; its column stays empty.
  HandStudy free;
  HandLog log;
  log.alpha(1, 0, 0, rises_at(3, 0.8));
  free.add("", 0, log);
  const StudyEvents one = free.events();
  CHECK(one.groups[0].name == "hand");
  CHECK(one.groups[0].find("risk") == nullptr);
  CHECK(!nlohmann::json::parse(to_json(one))["groups"][0]["events"].contains("risk"));
  CHECK(contains(to_table(one), "hand    –     never"));
}
