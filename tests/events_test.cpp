// The events of a run, on logs written by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "hand_log.h"
#include "probe/events/waiver_place.h"
#include "run/events.h"
#include "run/summary.h"
#include "temporary.h"

using namespace waiver;

namespace {

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

TEST_CASE("an added key with more attention than any token is named instead of it") {
  const TemporaryFolder folder;
  const auto text = [&](double alpha, double ratio) {
    HandLog hand;
    hand.alpha(1, 0, 2, std::vector<double>(N, 0.4));
    hand.enrichment(1, 0, 2, std::vector<double>(N, 4));
    hand.added(0, 1, 1, std::vector<double>(N, alpha), std::vector<double>(N, ratio));
    return strongest(hand.make(folder / "log.h5"));
  };
  CHECK(text(0.5, 0.25) == "waiver 0.1 at added key 1: 0.50; sink 1.0 at 2: 0.40");
  CHECK(text(0.5, 0.75) == "sink 0.1 at added key 1: 0.50; sink 1.0 at 2: 0.40");
  CHECK(text(0.3, 0.25) == "sink 1.0 at 2: 0.40");
}

TEST_CASE("where weights are not shares, place, numbers and onset are all the proxy's") {
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
