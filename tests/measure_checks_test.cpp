// What a measure cannot have in any run of a study is refused before the runs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "measured.h"

using namespace waiver;

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

TEST_CASE("what needs rows over the steps refuses a series with one row at the end") {
  const Config at_end = parse("train: {eval: {every: 0}}\n");
  for (const char* rest : {"kind: onset, below: 4", "kind: fit", "kind: peak", "kind: change"}) {
    const std::string yaml = std::string("{series: eval/loss, ") + rest + "}";
    CHECK(complaints_of(yaml, at_end) ==
          "series: the runs are evaluated at their end alone. Set train.eval.every above 0.");
    CHECK(complaints_of(yaml) == "");
  }
  CHECK(complaints_of("{series: eval/loss}", at_end) == "");
}
