// Curves that the records of a study's runs keep.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "config_files.h"
#include "core/files/json.h"
#include "hand_log.h"
#include "study/curves.h"
#include "study/study.h"

using namespace waiver;

namespace {

std::vector<KeptCurve> curves(const std::string& yaml) {
  Complaints complaints;
  const Node top = parse_yaml("curves: " + yaml + "\n", "s.yaml");
  std::vector<KeptCurve> out = read_curves(top.find("curves")->value, complaints);
  complaints.throw_if_any();
  return out;
}

Config hand_config() {
  return parse("model: {layers: 2, heads: 2, width: 8, context: 4}\ntrain: {steps: 60}\n");
}

const std::string kEnrichment = "series: probe/enrichment, at: {layer: 0, head: 0, key: 2}";

std::string wrong_with(const std::string& list) {
  const TemporaryFolder folder;
  put_bytes(folder / "base.yaml", "model: {layers: 2, heads: 2, width: 8, context: 4}\n");
  put_bytes(folder / "s.yaml", "base: base.yaml\ncurves:\n  - " + list + "\n");
  const std::string text = error_of([&] { load_study((folder / "s.yaml").string()); });
  const size_t place = text.find("s.yaml");
  return place == text.npos ? text : text.substr(place);
}

}  // namespace

TEST_CASE("a record keeps the curves of a study, with four digits") {
  HandLog hand;
  hand.enrichment(0, 0, 2, {0, 1.0 / 3, 2, NAN, 12345.6, 5, 6});
  const TemporaryFolder folder;
  const Log log = hand.make(folder / "log.h5");
  const Config config = hand_config();
  const auto asked = curves("[{name: E, " + kEnrichment +
                            "}, {name: slot, series: probe/added_attention, at: {layer: 0, head: "
                            "0, added: 0}}]");
  const Json kept = curves_of(asked, {config, log});
  REQUIRE(kept.size() == 1);  // the runs have no slot
  CHECK(json_text(kept.at("E").at("steps")) == "[0,10,20,30,40,50,60]");
  CHECK(json_text(kept.at("E").at("values")) == "[0,0.3333,2,null,12350,5,6]");
  CHECK(has_curves(kept, asked, config));
  CHECK(!has_curves(Json::object(), asked, config));
  CHECK(!has_curves(kept, curves("[{name: E, series: train/loss}]"), config));
}

TEST_CASE(
    "of a long run, the first rows are kept, then some further and further apart, and the last") {
  for (const int64_t rows : {1, 2, 39, 40, 41, 78, 79, 1000}) {
    CAPTURE(rows);
    const TemporaryFolder folder;
    Log log = HandLog().make(folder / "log.h5");
    log.define({"eval", "loss", {}, "nat", "loss", ""});
    for (int64_t i = 0; i < rows; ++i) {
      const double x = static_cast<double>(i);
      log.append("eval", i, {{"loss", std::span<const double>(&x, 1)}});
    }
    const Config config = hand_config();
    const Json kept = curves_of(curves("[{name: loss, series: eval/loss}]"), {config, log});
    const auto steps = kept.at("loss").at("steps").get<std::vector<int64_t>>();
    CHECK(std::ssize(steps) == std::min<int64_t>(rows, kCurveRows));
    CHECK(steps.front() == 0);
    CHECK(steps.back() == rows - 1);
    int64_t gap = 1;
    for (size_t i = 1; i < steps.size(); ++i) {
      CHECK(steps[i] - steps[i - 1] >= gap - 1);  // but for rounding
      gap = std::max(gap, steps[i] - steps[i - 1]);
    }
  }
}

TEST_CASE("mistakes in curves are found when the study is loaded") {
  CHECK(wrong_with("{name: E, " + kEnrichment + "}") == "");
  CHECK(wrong_with("{" + kEnrichment + "}") ==
        "s.yaml:3:5: curves[0].name: missing; it has no default.");
  CHECK(wrong_with("{name: E, series: probe/enrichmant}") ==
        "s.yaml:3:23: curves[0].series: no run logs a series \"probe/enrichmant\". Did you mean "
        "probe/enrichment?");
  CHECK(wrong_with("{name: E, seris: probe/enrichment}").find("Did you mean curves[0].series?") !=
        std::string::npos);
  CHECK(wrong_with("{name: E, series: train/loss}\n  - {name: E, series: eval/loss}") ==
        "s.yaml:4:12: curves[1].name: two curves are called \"E\".");
  CHECK(wrong_with("{name: slot, series: probe/added_attention, at: {layer: 0, head: 0, added: 0}}")
            .find("the runs have no added keys") != std::string::npos);
}
