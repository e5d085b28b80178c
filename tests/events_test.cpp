// The events of runs and of studies, on logs written by hand.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files/files.h"
#include "run/summary.h"
#include "study/events_report.h"
#include "temporary.h"

using namespace waiver;

namespace {

constexpr int64_t L = 2, H = 2, T = 4, N = 7;  // layers, heads, tokens, probes at 0, 10, … 60
const std::vector<double> kFlat(N, 0.1);

// Sets what one place of a series is at the seven probes; everything else is 1, α is 0. Where
// weights are no shares, that holds of the proxies, and the weights' own α is .9 everywhere.
class HandLog {
 public:
  using Curve = std::vector<double>;
  void alpha(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put(proxy + "received_attention", (layer * H + head) * T + key, c);
  }
  void enrichment(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put(proxy + "enrichment", (layer * H + head) * T + key, c);
  }
  void value(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put("value_ratio", (layer * H + head) * T + key, c);
  }
  void residual(int64_t layer, int64_t key, const Curve& c) {
    put("residual_ratio", layer * T + key, c);
  }
  void risk(const Curve& c) {
    has_risk = true;
    put("backcopy_risk", 0, c);
  }
  // α and E that are set from now on are those of the proxy.
  void no_shares() { proxy = "proxy_"; }
  // Which share of the queries sees the keys of a layer; all of them at first.
  void see(int64_t layer, const std::vector<float>& shares) {
    std::ranges::copy(shares, visibility.begin() + layer * T);
  }

  Log make(const std::filesystem::path& path) const {
    Log log = Log::create(
        path, {{"layer", L}, {"head", H}, {"position", T}, {"query", T}, {"key", T}, {"event", 5}},
        "seed: {init: 0}\n");
    Log::Row row;
    std::map<std::string, std::vector<float>> numbers;
    for (const auto& [name, axes] : series()) {
      log.define({"probe", name, axes, "1", name, ""});
      numbers[name].assign(size(axes), start(name));
      row.emplace_back(name, std::span<const float>(numbers[name]));
    }
    log.set({"probe", "key_visibility", {"layer", "key"}, "1", "", ""},
            std::span<const float>(visibility));
    for (int64_t i = 0; i < N; ++i) {
      for (const auto& [at, curve] : curves)
        numbers[at.first][at.second] = static_cast<float>(curve[i]);
      log.append("probe", 10 * i, row);
    }
    return log;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> series() const {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    std::vector<std::pair<std::string, std::vector<std::string>>> all = {
        {"received_attention", per_key},
        {"enrichment", per_key},
        {"value_ratio", per_key},
        {"residual_ratio", {"layer", "position"}},
        {"bos_attention", {"layer", "head"}}};
    if (has_risk) all.push_back({"backcopy_risk", {}});
    if (!proxy.empty())
      for (const char* name : {"received_attention", "enrichment"})
        all.push_back({proxy + name, per_key});
    return all;
  }
  float start(const std::string& name) const {
    if (name == proxy + "received_attention") return 0;
    return name == "received_attention" ? 0.9f : 1.0f;
  }
  static size_t size(const std::vector<std::string>& axes) {
    size_t out = 1;
    for (const std::string& axis : axes) out *= axis == "layer" ? L : axis == "head" ? H : T;
    return out;
  }
  void put(const std::string& name, int64_t index, const Curve& c) { curves[{name, index}] = c; }

  bool has_risk = false;
  std::string proxy;
  std::vector<float> visibility = std::vector<float>(L * T, 1.0f);
  std::map<std::pair<std::string, int64_t>, Curve> curves;
};

std::vector<double> rises_at(int64_t probe, double to) {
  std::vector<double> out(N, 0.0);
  for (int64_t i = probe; i < N; ++i) out[i] = to;
  return out;
}
std::vector<double> falls_at(int64_t probe, double to) {
  std::vector<double> out(N, 1.0);
  for (int64_t i = probe; i < N; ++i) out[i] = to;
  return out;
}

// Head 1.0 sends its attention to `key`: risk 10, enrichment 20, sink 30, value 40.
HandLog emerging(int64_t key, int64_t value_probe = 4, bool shares = true) {
  HandLog log;
  if (!shares) log.no_shares();
  log.risk({3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  log.enrichment(1, 0, key, rises_at(2, 4));
  log.alpha(1, 0, key, rises_at(3, 0.8));
  log.value(1, 0, key, falls_at(value_probe, 0.25));
  return log;
}

// As the run tells it, of the last probe.
std::string strongest(const Log& log) {
  std::map<std::string, std::vector<float>, std::less<>> series;
  const int64_t rows = std::ssize(log.steps("probe"));
  for (const std::string& name : log.names("probe"))
    if (name != "key_visibility")
      for (const double x : log.read_rows("probe", name, rows - 1, rows).values)
        series[name].push_back(static_cast<float>(x));
  const std::vector<double> visibility = log.read("probe", "key_visibility").values;
  const auto found = [&](std::string_view name) {
    const auto at = series.find(name);
    return at == series.end() ? nullptr : &at->second;
  };
  return strongest_text(found, std::vector<float>(visibility.begin(), visibility.end()),
                        log.axes().at("layer"), log.axes().at("head"), {});
}

std::vector<double> summary(const Log& log, const std::string& name) {
  return log.read("summary", name).values;
}

}  // namespace

TEST_CASE("events follow the key with the most attention, wherever it is") {
  const TemporaryFolder folder;
  for (const int64_t key : {0, 1, 3}) {
    HandLog hand = emerging(key);
    hand.alpha(0, 1, key == 0 ? 2 : 0, rises_at(0, 0.6));  // weaker, and there from the start
    const Log log = hand.make(folder / "log.h5");
    const auto events = find_events(log, ProbeConfig{});
    REQUIRE(events);
    CHECK(events->at.layer == 1);
    CHECK(events->at.head == 0);
    CHECK(events->at.key == key);
    CHECK(events->step("risk") == 10);
    CHECK(events->step("enrichment") == 20);
    CHECK(events->step("sink") == 30);
    CHECK(events->step("value") == 40);
    CHECK(!events->step("residual"));
    CHECK(events->onset_layer == 1);  // layer 0 has its sink at another key
    CHECK(strongest(log) == "waiver 1.0 at " + std::to_string(key) + ": 0.80");
  }
}

TEST_CASE("the strongest key is called a waiver only where it is one") {
  const TemporaryFolder folder;
  const auto text = [&](double alpha, double enrichment, double ratio) {
    HandLog hand;
    hand.alpha(1, 0, 2, std::vector<double>(N, alpha));
    hand.enrichment(1, 0, 2, std::vector<double>(N, enrichment));
    hand.value(1, 0, 2, std::vector<double>(N, ratio));
    return strongest(hand.make(folder / "log.h5"));
  };
  CHECK(text(0.8, 4, 0.25) == "waiver 1.0 at 2: 0.80");
  CHECK(text(0.8, 4, 0.75) == "sink 1.0 at 2: 0.80");
  CHECK(text(0.06, 4, 0.25) == "strongest attention 1.0 at 2: 0.06");
  CHECK(text(0.8, 2, 0.25) == "strongest attention 1.0 at 2: 0.80");
  CHECK(text(0.8, 4, NAN) == "sink 1.0 at 2: 0.80");
}

TEST_CASE("where weights are no shares, place, numbers and onset are all the proxy's") {
  const TemporaryFolder folder;
  Log log = emerging(2, 4, false).make(folder / "log.h5");
  write_summary(log, ProbeConfig{});
  const int64_t head = 2;  // 1.0
  CHECK(summary(log, "waiver_key")[head] == 2);
  CHECK(summary(log, "waiver_received_attention")[head] == doctest::Approx(0.8));
  CHECK(summary(log, "waiver_enrichment")[head] == 4);
  CHECK(summary(log, "waiver_onset_step")[head] == 30);
  CHECK(summary(log, "event_step") == std::vector<double>{10, 20, 30, 40, -1});
  CHECK(strongest(log) == "waiver 1.0 at 2: 0.80");
}

TEST_CASE("the summary's onset of α and the event sink ask for the same threshold") {
  const TemporaryFolder folder;
  HandLog hand = emerging(2);
  hand.alpha(1, 0, 2, {0, 0.1, 0.35, 0.45, 0.6, 0.7, 0.8});
  for (const auto& [threshold, step] : {std::pair(0.3, 20), {0.4, 30}, {0.5, 40}}) {
    ProbeConfig config;
    config.sink_threshold = 0.9;  // of the sink rate
    config.waiver.received_attention = threshold;
    Log log = hand.make(folder / "log.h5");
    write_summary(log, config);
    CHECK(summary(log, "waiver_onset_step")[2] == step);
    CHECK(summary(log, "event_step")[2] == step);
    CHECK(summary(log, "onset_layer") == std::vector<double>{1});
    CHECK(summary(log, "threshold") == std::vector<double>{0.9});
    CHECK(summary(log, "waiver_threshold") == std::vector<double>{threshold});
  }
}

TEST_CASE("a quantity that is undefined at first, or always, has its event later, or never") {
  const TemporaryFolder folder;
  HandLog hand = emerging(2);
  hand.risk({NAN, NAN, 0.5, 0.5, 0.5, 0.5, 0.5});
  Log log = hand.make(folder / "log.h5");
  write_summary(log, ProbeConfig{});
  CHECK(summary(log, "event_step")[0] == 20);
  CHECK(std::isnan(summary(log, "event_before")[0]));
  hand.risk(std::vector<double>(N, NAN));
  Log never = hand.make(folder / "never.h5");
  write_summary(never, ProbeConfig{});
  CHECK(summary(never, "event_step")[0] == -1);
  CHECK(summary(never, "event_change_step")[0] == -1);
}

TEST_CASE("keys that few queries see are no candidates") {
  const TemporaryFolder folder;
  HandLog hand = emerging(1);
  hand.alpha(0, 0, 3, rises_at(0, 0.9));
  hand.see(0, {1, 0.75, 0.5, 0.25});  // as under a causal mask
  hand.see(1, {1, 0.75, 0.5, 0.25});
  const Log log = hand.make(folder / "log.h5");
  CHECK(strongest_waiver(log)->key == 1);
  hand.see(0, {1, 1, 1, 1});
  CHECK(strongest_waiver(hand.make(folder / "log.h5"))->key == 3);
  // Under a window all keys are seen by few, and by as many.
  hand.see(0, {0.25, 0.25, 0.25, 0.25});
  CHECK(strongest_waiver(hand.make(folder / "log.h5"))->key == 3);
}

TEST_CASE("a block without attention has no waiver, and a model of such blocks no events") {
  const TemporaryFolder folder;
  HandLog hand = emerging(0);
  for (int64_t h = 0; h < H; ++h)
    for (int64_t k = 0; k < T; ++k) hand.alpha(0, h, k, std::vector<double>(N, NAN));
  hand.see(0, std::vector<float>(T, NAN));
  Log log = hand.make(folder / "log.h5");
  CHECK(strongest_waiver(log)->layer == 1);
  write_summary(log, ProbeConfig{});
  CHECK(summary(log, "waiver_key") == std::vector<double>{-1, -1, 0, 0});
  CHECK(summary(log, "onset_layer") == std::vector<double>{1});
  hand.see(1, std::vector<float>(T, NAN));
  Log none = hand.make(folder / "none.h5");
  CHECK(!strongest_waiver(none));
  CHECK(!find_events(none, ProbeConfig{}));
  write_summary(none, ProbeConfig{});
  CHECK(!none.has("summary", "event_step"));
}

TEST_CASE("the onset layer is the first with a sink at the run's key, whichever head has it") {
  const TemporaryFolder folder;
  HandLog hand = emerging(2);
  hand.alpha(0, 1, 2, rises_at(4, 0.4));
  CHECK(find_events(hand.make(folder / "a.h5"), ProbeConfig{})->onset_layer == 0);
  hand.alpha(0, 1, 2, rises_at(5, 0.4));  // two probes are no sink yet
  CHECK(find_events(hand.make(folder / "b.h5"), ProbeConfig{})->onset_layer == 1);
  ProbeConfig strict;
  strict.waiver.received_attention = 0.9;
  CHECK(find_events(hand.make(folder / "c.h5"), strict)->onset_layer == -1);
}

TEST_CASE("the summary of a log holds the events, their order, lags and change points") {
  const TemporaryFolder folder;
  HandLog hand = emerging(2, 2);  // the value falls together with the enrichment
  hand.residual(1, 2, rises_at(6, 5));
  Log log = hand.make(folder / "log.h5");
  write_summary(log, ProbeConfig{});
  CHECK(log.strings("summary", "event_name") ==
        std::vector<std::string>{"risk", "enrichment", "sink", "value", "residual"});
  CHECK(summary(log, "strongest_layer") == std::vector<double>{1});
  CHECK(summary(log, "strongest_head") == std::vector<double>{0});
  CHECK(summary(log, "strongest_key") == std::vector<double>{2});
  CHECK(summary(log, "event_step") == std::vector<double>{10, 20, 30, 20, -1});
  CHECK(summary(log, "event_order") == std::vector<double>{0, 1, 3, 1, -1});
  const auto lag = summary(log, "event_lag");
  CHECK(std::vector<double>(lag.begin(), lag.begin() + 4) == std::vector<double>{-10, 0, 10, 0});
  CHECK(std::isnan(lag[4]));
  CHECK(summary(log, "event_before")[0] == 3);
  CHECK(summary(log, "event_after")[1] == 4);
  CHECK(std::isnan(summary(log, "event_after")[4]));
  // The residual's change point needs no persistence: it moved at the last probe.
  CHECK(summary(log, "event_change_step") == std::vector<double>{10, 20, 30, 20, 60});
  CHECK(summary(log, "event_change_size")[3] == doctest::Approx(-0.75).epsilon(1e-15));
  CHECK(summary(log, "event_change_size")[4] == doctest::Approx(5).epsilon(1e-15));
  CHECK(summary(log, "event_change_explained")[1] == doctest::Approx(1).epsilon(1e-15));
  for (const std::string& name : log.names("summary"))
    if (name.starts_with("event_"))
      CHECK(log.spec("summary", name).axes == std::vector<std::string>{"event"});
}

namespace {

// Two groups of runs of 100 steps, finished but for one; `free` is a task without a risk.
struct HandStudy {
  TemporaryFolder folder;
  Study study = {"hand", "", "By hand", "", "base.yaml", {}};

  void add(const std::string& group, int64_t seed, const HandLog& log,
           const std::string& status = "done\n") {
    StudyRun run = {
        group + (group.empty() ? "" : ",") + "seed=" + std::to_string(seed), group, {}, {}};
    run.config.seed.init = seed;
    run.config.train.steps = 100;
    make_folder(folder / run.name);
    log.make(folder / (run.name + "/log.h5")).flush();
    put_bytes(folder / (run.name + "/status"), status);
    study.runs.push_back(run);
  }
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
  const StudyEvents events = find_events(hand.study, hand.folder.path());
  REQUIRE(events.groups.size() == 2);
  CHECK(events.without.empty());
  const GroupEvents &rope = events.groups[0], &none = events.groups[1];
  CHECK(rope.name == "position=rope");
  REQUIRE(rope.runs.size() == 3);
  CHECK(rope.find("value")->step.each == std::vector<double>{20, 30, 40});
  CHECK(rope.find("value")->step.middle.median == 30);
  CHECK(rope.find("value")->step.middle.low == 20);
  CHECK(rope.find("value")->step.middle.high == 40);
  CHECK(rope.together.steps.each == std::vector<double>{0, 10, 20});
  // 100 steps: lags of 0 and 10 are within a tenth of the run, 20 is not.
  CHECK(rope.both == 3);
  CHECK(rope.within == 2);
  CHECK(rope.order == std::vector<std::string_view>{"risk", "enrichment", "sink", "value"});

  REQUIRE(none.runs.size() == 2);  // the failed and the unfinished run are left out
  CHECK(none.find("sink")->step.each == std::vector<double>{30, INFINITY});
  CHECK(none.find("sink")->step.middle.median == INFINITY);
  CHECK(std::isnan(none.together.steps.each[1]));
  CHECK(none.together.steps.middle.median == 20);
  CHECK(none.both == 1);
  CHECK(none.within == 0);
  CHECK(none.order.empty());
}

TEST_CASE("a lead of the value counts by its size") {
  HandStudy hand;
  HandLog log = emerging(0, 1);
  log.enrichment(1, 0, 0, rises_at(4, 4));
  hand.add("g", 0, log);
  const GroupEvents group = find_events(hand.study, hand.folder.path()).groups.at(0);
  CHECK(group.together.steps.each == std::vector<double>{-30});
  CHECK(group.both == 1);
  CHECK(group.within == 0);
}

TEST_CASE("events.json and the printed table say the same") {
  HandStudy hand;
  hand.fill();
  report_events(hand.study, hand.folder.path());
  const std::string text = read_file(hand.folder / "events.json");
  CHECK((text == to_json(find_events(hand.study, hand.folder.path()))));
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

  const std::string table = to_table(find_events(hand.study, hand.folder.path()));
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
  const StudyEvents events = find_events(hand.study, hand.folder.path());
  REQUIRE(events.groups.size() == 1);
  CHECK(events.groups[0].name == "b");
  CHECK(events.without == std::vector<std::string>{"c,seed=0"});
  CHECK(contains(to_table(events), "No events, for want of probes or of attention: c,seed=0."));
  // A task without a backcopy risk has no such event; its column stays empty.
  HandStudy free;
  HandLog log;
  log.alpha(1, 0, 0, rises_at(3, 0.8));
  free.add("", 0, log);
  const StudyEvents one = find_events(free.study, free.folder.path());
  CHECK(one.groups[0].name == "hand");
  CHECK(one.groups[0].find("risk") == nullptr);
  CHECK(!nlohmann::json::parse(to_json(one))["groups"][0]["events"].contains("risk"));
  CHECK(contains(to_table(one), "hand    –     never"));
}
