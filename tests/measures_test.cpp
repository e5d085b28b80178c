// The measures of a finished run, on logs written by hand.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "config/config.h"
#include "config/reader.h"
#include "config_files.h"
#include "hand_log.h"
#include "study/measures/series_choice.h"

using namespace waiver;

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// A measure written as in a study.
Kind<Measure> measure(const std::string& yaml) {
  const Node item = parse_yaml("measure: " + yaml + "\n", "m.yaml");
  Kind<Measure> kind("value");
  const auto visit = [&](FieldVisitor& v) { v.field({"measure", ""}, kind); };
  Complaints complaints;
  read_fields(item, visit, collect_keys(visit), complaints);
  complaints.throw_if_any();
  return kind;
}

// Two layers of two heads, four tokens, probes at 0, 10, … 60, as in hand_log.h.
Config hand_config() {
  return parse("model: {layers: 2, heads: 2, width: 8, context: 4}\ntrain: {steps: 60}\n");
}

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

std::string complaints_of(const std::string& yaml, const Config& config = hand_config()) {
  std::string text;
  measure(yaml)->check(
      config, [&](const std::string& key, const std::string& what, const std::string& hint) {
        text += fmt::format("{}{}: {}.{}{}", text.empty() ? "" : "\n", key, what,
                            hint.empty() ? "" : " ", hint);
      });
  return text;
}

const std::string kEnrichment = "series: probe/enrichment, at: {layer: 0, head: 0, key: 2}";

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
  CHECK(complaints_of("{kind: onset, series: eval/loss, below: 4}",
                      parse("train: {eval: {every: 0}}\n")) ==
        "series: the runs are evaluated at their end alone. Set train.eval.every above 0.");
  CHECK(complaints_of("{kind: onset, series: eval/loss, below: 4}") == "");
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

TEST_CASE("a measure that no run can have is refused with a guess at what was meant") {
  const auto value = [](const std::string& rest) { return complaints_of("{" + rest + "}"); };
  CHECK(value(kEnrichment) == "");
  CHECK(value("series: train/loss") == "");
  CHECK(value("series: mechanism/rho") == "");
  CHECK(value("series: enrichment") ==
        "series: no run logs a series \"enrichment\". Did you mean "
        "probe/enrichment or mechanism/enrichment?");
  CHECK(value("series: probe/enrichmant") ==
        "series: no run logs a series \"probe/enrichmant\". Did you mean probe/enrichment?");
  CHECK(value("series: probe/zzz") ==
        "series: no run logs a series \"probe/zzz\". waiver probe --list shows the series of "
        "/probe.");
  CHECK(value("series: timing/seconds") ==
        "series: times differ from run to run, so nothing is claimed of them.");
  CHECK(
      value("series: probe/enrichment, at: {layer: 0, head: max}") ==
      "at: probe/enrichment has the axis key, for which there is no entry. Give at.key: a number, "
      "strongest, max, min or mean.");
  CHECK(value("series: train/loss, at: {layer: 0}") ==
        "at.layer: train/loss has no such axis. It is one number a row.");
  CHECK(value("series: probe/enrichment, at: {layer: 2, head: largest, key: -1}") ==
        "at.head: expected a number, strongest, max, min or mean, found \"largest\".\n"
        "at.key: the runs have 4 entries on this axis, 0 to 3, found -1.\n"
        "at.layer: the runs have 2 entries on this axis, 0 to 1, found 2.");
  CHECK(value(kEnrichment + ", step: middle") ==
        "step: expected last, first, a number, max, min or mean, found \"middle\".");
  CHECK(value(kEnrichment + ", step: 61") == "step: the runs end at step 60.");
  CHECK(complaints_of("{kind: event, name: sunk}") ==
        "name: expected one of risk, enrichment, sink, value or residual, found \"sunk\". Did you "
        "mean sink?");
  CHECK(complaints_of("{kind: onset, " + kEnrichment + "}") ==
        ": the threshold is missing. Give either above or below.");
  CHECK(complaints_of("{kind: onset, " + kEnrichment + ", above: 1, below: 0}") ==
        "below: above is given already. Give either above or below.");
  CHECK(complaints_of("{kind: fit, series: train/loss, from: 10, to: 9}") ==
        "to: 9 comes before from, which is 10.");
  CHECK(complaints_of("{kind: fit, series: train/loss, from: 61, to: 70}") ==
        "from: the runs end at step 60.\nto: the runs end at step 60.");
  CHECK(complaints_of("{kind: matched, series: train/loss, loss: probe/enrichment}") ==
        "loss: probe/enrichment is more than one number a row.\nat_most: missing; it has no "
        "default.");
  CHECK(complaints_of("{series: probe/enrichment, at: {layer: 0, head: 0, key: 0}}",
                      parse("probe: {every: 0}\n")) ==
        "series: the runs have no probes. Set probe.every above 0.");
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

TEST_CASE("a sink share is of one key that the runs have") {
  CHECK(complaints_of("{kind: sink_share}") == ": the key is missing. Give either key or added.");
  CHECK(complaints_of("{kind: sink_share, key: 0, added: 0}") ==
        "added: key is given already. Give either key or added.\nadded: the runs have no added "
        "keys.");
  CHECK(complaints_of("{kind: sink_share, key: 4}") ==
        "key: the runs have 4 entries on this axis, 0 to 3, found 4.");
  CHECK(complaints_of("{kind: sink_share, key: 3}").empty());
  Config unprobed = hand_config();
  unprobed.probe.every = 0;
  for (const char* kind : {"sink_share, key: 0", "place", "event, name: sink"})
    CHECK(contains(complaints_of(fmt::format("{{kind: {}}}", kind), unprobed),
                   "the runs have no probes"));
}

TEST_CASE("what a measure can never have is found before the runs") {
  const auto why = [](const std::string& yaml) { return complaints_of("{" + yaml + "}"); };
  CHECK(why(kEnrichment + ", step: 7") ==
        "step: the runs are not probed at step 7. They are every 10 steps; further ones are in "
        "probe.first.");
  CHECK(why(kEnrichment + ", step: 8") == "");
  CHECK(why("series: eval/loss, step: 40") ==
        "step: the runs are not evaluated at step 40. They are every 250 steps.");
  CHECK(why("series: probe/added_attention, at: {layer: 0, head: 0, added: 0}")
            .starts_with("series: the runs have no added keys."));
  CHECK(why("series: probe/role_enrichment, at: {layer: 0, head: 0, query_role: all, key_role: "
            "frist}") == "at.key_role: expected first, trigger or other, found \"frist\".");
  CHECK(why("kind: lag, from: sink, to: sink") == "to: it is the event that is counted from.");
  CHECK(contains(why("kind: matched, " + kEnrichment + ", loss: '', at_most: 1"),
                 "loss: missing; it has no default."));
}
