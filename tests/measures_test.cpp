// The measures of a finished run, on logs written by hand.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "hand_log.h"
#include "measured.h"

using namespace waiver;

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// What measures give of one log.
struct HandRun {
  TemporaryFolder folder;
  Config config = hand_config();
  Log log;
  std::optional<Log> mechanism;

  explicit HandRun(const HandLog& hand) : log(hand.make(folder / "log.h5")) {}

  double of(const std::string& yaml) const {
    return measure(yaml)->of({config, log, mechanism ? &*mechanism : nullptr});
  }
  std::string why(const std::string& yaml) const {
    return error_of([&] { of(yaml); });
  }
  // A group of series without further axes, at steps of its own.
  void add(const std::string& group, const std::string& name, const std::vector<int64_t>& steps,
           const std::vector<double>& values) {
    log.define({group, name, {}, "1", name, ""});
    for (size_t i = 0; i < steps.size(); ++i)
      log.append(group, steps[i], {{name, std::span<const double>(&values[i], 1)}});
  }
};

HandLog rising() {
  HandLog log;
  log.enrichment(0, 0, 2, {0, 1, 2, 3, 4, 5, 6});
  log.enrichment(0, 1, 2, {6, 5, 4, 3, 2, 1, 0});
  log.alpha(1, 1, 3, rises_at(2, 0.8));
  return log;
}

}  // namespace

TEST_CASE("a value is an entry of a series at a step, or its extreme or mean over the steps") {
  const HandRun run(rising());
  const auto value = [&](const std::string& step) {
    return run.of("{kind: value, " + kEnrichment + ", step: " + step + "}");
  };
  CHECK(value("last") == 6);
  CHECK(value("first") == 0);
  CHECK(value("20") == 2);
  CHECK(value("max") == 6);
  CHECK(value("min") == 0);
  CHECK(value("mean") == 3);
  const auto relative = [&](const std::string& head, const std::string& step) {
    return "{kind: value, series: probe/enrichment, at: {layer: 0, head: " + head +
           ", key: 2}, relative_to: first, step: " + step + "}";
  };
  CHECK(run.of(relative("1", "20")) == 4.0 / 6);
  CHECK(complaints_of(relative("1", "first")) == "step: x divided by its first row is 1 there.");
  CHECK(run.why(relative("0", "20")) == "the series is 0 at its first row.");
  CHECK(run.of("{" + kEnrichment + "}") == 6);
  CHECK(run.why("{" + kEnrichment + ", step: 25}") == "the series has no row at step 25.");
}

TEST_CASE("an axis takes an entry, a reduction or the strongest waiver, the last axis first") {
  const HandRun run(rising());
  const auto value = [&](const std::string& layer, const std::string& head, const std::string& key,
                         int64_t step = 10) {
    return run.of(
        fmt::format("{{series: probe/enrichment, at: {{layer: {}, head: {}, key: {}}}, "
                    "step: {}}}",
                    layer, head, key, step));
  };
  // Layer 0 at step 10, heads by keys: 1 1 1 1 and 1 1 5 1; at step 0: 1 1 0 1 and 1 1 6 1.
  CHECK(value("0", "max", "2") == 5);
  CHECK(value("0", "min", "max") == 1);
  CHECK(value("0", "max", "min") == 1);
  CHECK(value("0", "max", "mean") == 2);
  CHECK(value("0", "mean", "max") == 3);
  CHECK(value("0", "min", "min", 0) == 0);
  CHECK(value("mean", "max", "max") == 3);  // 5 in layer 0, 1 in layer 1
  // The strongest waiver is key 3 of head 1 in layer 1, where E stays 1.
  CHECK(run.of("{series: probe/received_attention, at: {layer: strongest, head: strongest, key: "
               "strongest}}") == doctest::Approx(0.8).epsilon(1e-7));
  CHECK(value("0", "strongest", "2") == 5);
}

TEST_CASE("what is undefined is left out of a reduction, and alone it is undefined") {
  HandLog hand;
  hand.enrichment(0, 0, 1, std::vector<double>(N, NAN));
  hand.enrichment(0, 0, 2, std::vector<double>(N, 3));
  const HandRun run(hand);
  // 1 – 3 1
  CHECK(run.of("{series: probe/enrichment, at: {layer: 0, head: 0, key: mean}}") ==
        doctest::Approx(5.0 / 3).epsilon(1e-15));
  CHECK(std::isnan(run.of("{series: probe/enrichment, at: {layer: 0, head: 0, key: 1}}")));
  CHECK(run.why("{series: probe/enrichment, at: {layer: 0, head: 0, key: 1}, step: max}") ==
        "the series is undefined at every step.");
}

TEST_CASE("entries that have names are found by them") {
  const TemporaryFolder folder;
  Log log = Log::create(folder / "log.h5", {{"layer", 2}, {"key_role", 3}}, "");
  log.define({"probe", "by_role", {"layer", "key_role"}, "1", "", ""});
  const std::vector<float> row = {1, 2, 3, 4, 5, 6};
  log.append("probe", 0, {{"by_role", std::span<const float>(row)}});
  log.set({"probe", "key_role_name", {"key_role"}, "1", "", ""},
          std::span<const std::string>(std::vector<std::string>{"dedicated", "first", "other"}));
  const SeriesChoice at("probe/by_role", {{"layer", "1"}, {"key_role", "first"}});
  CHECK(at.of({Config{}, log}).values == std::vector<double>{5});
  CHECK(SeriesChoice("probe/by_role", {{"layer", "max"}, {"key_role", "2"}})
            .of({Config{}, log})
            .values == std::vector<double>{6});
  CHECK(error_of([&] {
          SeriesChoice("probe/by_role", {{"layer", "0"}, {"key_role", "last"}}).of({Config{}, log});
        }) == "the axis key_role has no entry last, only dedicated, first, other.");
}

TEST_CASE("an onset is the first of three rows across the threshold, and infinite where none is") {
  const HandRun run(rising());
  CHECK(run.of("{kind: onset, " + kEnrichment + ", above: 2.5}") == 30);
  CHECK(run.of("{kind: onset, " + kEnrichment + ", above: 4.5}") == kNever);  // only two rows are
  CHECK(run.of("{kind: onset, " + kEnrichment + ", below: 2.5}") == 0);
  CHECK(run.of("{kind: onset, series: probe/enrichment, at: {layer: 0, head: 1, key: 2}, below: "
               "2.5}") == 40);
}

TEST_CASE("with too few rows an onset is undefined, and not never") {
  HandRun run(rising());
  run.add("eval", "loss", {0, 60}, {3, 1});
  run.add("train", "loss", {0, 30, 60}, {3, 1, 1});
  CHECK(run.why("{kind: onset, series: eval/loss, below: 4}") ==
        "an onset needs 3 rows, and there are 2.");
  CHECK(run.of("{kind: onset, series: train/loss, below: 4}") == 0);
  HandLog two = emerging(2);
  two.probes = 2;
  CHECK(HandRun(two).why("{kind: event, name: sink}") == "an onset needs 3 rows, and there are 2.");
}

TEST_CASE("events and lags are those at the strongest waiver; what never came is later than all") {
  const HandRun run(emerging(2));  // risk 10, enrichment 20, sink 30, value 40, no residual event
  CHECK(run.of("{kind: event, name: risk}") == 10);
  CHECK(run.of("{kind: event, name: value}") == 40);
  CHECK(run.of("{kind: event, name: residual}") == kNever);
  CHECK(run.of("{kind: lag, from: sink, to: value}") == 10);
  CHECK(run.of("{kind: lag, from: value, to: risk}") == -30);
  CHECK(run.of("{kind: lag, from: risk, to: residual}") == kNever);
  CHECK(run.of("{kind: lag, from: residual, to: risk}") == -kNever);
  CHECK(run.why("{kind: lag, from: residual, to: residual}") ==
        "neither residual nor residual ever happened.");
  CHECK(HandRun(rising()).why("{kind: event, name: risk}") ==
        "the run does not measure what the event risk is about.");
}

TEST_CASE("the place of the strongest waiver") {
  const HandRun run(rising());
  CHECK(run.of("{kind: place}") == 3);
  CHECK(run.of("{kind: place, give: layer}") == 1);
  CHECK(run.of("{kind: place, give: head}") == 1);
}

TEST_CASE("a change point has a step and a size") {
  HandLog hand;
  hand.enrichment(0, 0, 0, {2, 2, 2, 5, 5, 5, 5});
  const HandRun run(hand);
  const std::string series = "series: probe/enrichment, at: {layer: 0, head: 0, key: 0}";
  CHECK(run.of("{kind: change, " + series + "}") == 30);
  CHECK(run.of("{kind: change, " + series + ", give: size}") == doctest::Approx(3).epsilon(1e-15));
  const std::string still = "series: probe/enrichment, at: {layer: 0, head: 0, key: 1}";
  CHECK(run.why("{kind: change, " + still + "}") == "the series never changed.");
  CHECK(run.of("{kind: change, " + still + ", give: size}") == 0);
}

TEST_CASE("a fit over a part of the steps") {
  HandRun run((HandLog()));
  // log₁₀ up to 1000, then flat; at step 0 nothing of it counts.
  run.add("train", "loss", {0, 1, 10, 100, 1000, 10000}, {9, 1, 2, 3, 4, 4});
  const auto fit = [&](const std::string& options) {
    return run.of("{kind: fit, series: train/loss, " + options + "}");
  };
  CHECK(fit("to: 1000") == doctest::Approx(1 / std::log(10)).epsilon(1e-13));
  CHECK(fit("to: 10000") == doctest::Approx(0.8 / std::log(10)).epsilon(1e-13));
  CHECK(fit("to: 1000, give: r2") == doctest::Approx(1).epsilon(1e-13));
  CHECK(fit("to: 1000, law: power, give: r2") < 0.99);
  const double power = fit("to: 1000, law: power, give: r2");
  CHECK(fit("to: 1000, give: margin") == doctest::Approx(1 - power).epsilon(1e-13));
  CHECK(fit("to: 1000, law: power, give: margin") == doctest::Approx(power - 1).epsilon(1e-13));
  // 2 3 4 4 at 1 … 4: x̄ = 2.5, ȳ = 3.25, Σxy = 3.5, Σxx = 5, Σyy = 2.75.
  CHECK(fit("from: 10") == doctest::Approx(0.7 / std::log(10)).epsilon(1e-13));
  CHECK(fit("from: 10, give: r2") == doctest::Approx(3.5 * 3.5 / 5 / 2.75).epsilon(1e-12));
  CHECK(run.why("{kind: fit, series: train/loss, from: 1000}") ==
        "a fit needs three rows and a change.");
}

TEST_CASE("a difference is of two series, at the last row of each") {
  HandRun run(rising());
  run.add("eval", "loss", {0, 25}, {3, 2});
  CHECK(run.of("{kind: difference, " + kEnrichment + ", minus: {series: eval/loss}}") == 4);
  CHECK(run.why("{kind: difference, " + kEnrichment + ", minus: {series: train/loss}}") ==
        "the run has no series train/loss.");
  CHECK(complaints_of("{kind: difference, " + kEnrichment +
                      ", minus: {series: probe/loss, at: "
                      "{layer: 0}}}") ==
        "minus.at.layer: probe/loss has no such axis. It is one number a row.");
}

TEST_CASE("a peak is the first step at an extreme, or what is left of it at the end") {
  HandRun run(rising());
  run.add("eval", "loss", {0, 10, 20, 30, 40, 50}, {NAN, 1, 4, 0.5, 4, 2});
  const auto peak = [](const std::string& rest) {
    return "{kind: peak, series: eval/loss, " + rest + "}";
  };
  CHECK(run.of(peak("of: max")) == 20);
  CHECK(run.of(peak("of: min")) == 30);
  CHECK(run.of(peak("of: max, give: left")) == 0.5);
  CHECK(run.of(peak("of: min, give: left")) == 4);
  run.add("train", "zero", {1, 2}, {0, 0});
  run.add("optimizer", "none", {1, 2}, {NAN, NAN});
  CHECK(run.why("{kind: peak, series: train/zero, give: left}") ==
        "the series is 0 at its extreme.");
  CHECK(run.why("{kind: peak, series: optimizer/none}") ==
        "the series is undefined at every step.");
}

TEST_CASE("a value at equal loss is that of the first row after the loss has come down") {
  HandRun run(rising());
  run.add("eval", "loss", {0, 25, 50}, {3, 2, 1});
  const auto matched = [&](const std::string& loss) {
    return "{kind: matched, " + kEnrichment + ", at_most: " + loss + "}";
  };
  CHECK(run.of(matched("3")) == 0);
  CHECK(run.of(matched("2.5")) == 3);  // down at 25, the next probe is at 30
  CHECK(run.of(matched("1")) == 5);    // down at 50, where there is a probe
  CHECK(run.why(matched("0.5")) == "eval/loss never came down to 0.5.");
}

TEST_CASE("series of /mechanism are read from a file of their own") {
  HandRun run((HandLog()));
  const std::string yaml = "{series: mechanism/rho, step: 20}";
  CHECK(run.why(yaml) ==
        "the run's log has no series of /mechanism (probe.mechanism), and it has no mechanism.h5 "
        "(waiver probe RUN --mechanism --all-checkpoints).");
  run.mechanism = Log::create(run.folder / "mechanism.h5", {}, "");
  run.mechanism->define({"mechanism", "rho", {}, "1", "", ""});
  for (const int64_t step : {0, 20, 60}) {
    const double rho = 0.5 + static_cast<double>(step);
    run.mechanism->append("mechanism", step, {{"rho", std::span<const double>(&rho, 1)}});
  }
  CHECK(run.of(yaml) == 20.5);
  run.config.train.steps = 80;  // of a run that went on
  CHECK(run.why(yaml) ==
        "mechanism.h5 ends before the run, at step 60: ask anew, with waiver probe RUN --mechanism "
        "--all-checkpoints.");
  run.config.train.steps = 60;
  CHECK(run.why("{series: mechanism/sigma}") == "the run has no series mechanism/sigma.");
}

TEST_CASE("the sink share counts heads whose strongest sink is the key") {
  HandLog hand;
  const auto sink = [&](int64_t layer, int64_t head, int64_t key) {
    hand.alpha(layer, head, key, rises_at(2, 0.8));
    hand.enrichment(layer, head, key, rises_at(2, 4));
  };
  sink(0, 0, 1);
  sink(0, 1, 1);
  sink(1, 0, 2);
  hand.alpha(1, 1, 3, rises_at(2, 0.8));  // not enriched: no sink
  const std::string at_1 = "{kind: sink_share, key: 1}", at_2 = "{kind: sink_share, key: 2}",
                    added_1 = "{kind: sink_share, added: 1}";
  {
    const HandRun run(hand);
    CHECK(run.of(at_1) == doctest::Approx(2. / 3));
    CHECK(run.of(at_2) == doctest::Approx(1. / 3));
    CHECK(run.of("{kind: sink_share, key: 3}") == 0);
    CHECK(run.of(added_1) == 0);
  }
  hand.added(0, 1, 1, rises_at(2, 0.9), kFlat);  // stronger than that head's position
  hand.added(1, 1, 0, rises_at(2, 0.9), kFlat);
  const HandRun run(hand);
  CHECK(run.of(at_1) == 0.25);
  CHECK(run.of(at_2) == 0.25);
  CHECK(run.of(added_1) == 0.25);
  CHECK(run.of("{kind: sink_share, added: 0}") == 0.25);
  CHECK(HandRun(HandLog()).why(at_1) == "no head has a sink at the last probe.");
}
