#include "inspect/probe_json.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "inspect/probe_report.h"
#include "probe/metrics/waiver_score.h"
#include "run/events.h"

namespace waiver {
namespace {

using SeriesAxes = std::vector<std::string>;

Json empty_heads(const std::vector<WaiverPlace>& places) {
  auto heads = Json::array();
  for (const WaiverPlace& place : places)
    heads.push_back({{"layer", place.layer}, {"head", place.head}});
  return heads;
}

void add_keys(Json& heads, const std::vector<WaiverPlace>& places,
              const std::vector<std::string>& tokens) {
  for (size_t i = 0; i < places.size(); ++i) {
    const int64_t key = places[i].key;
    heads[i]["key"] = key >= 0 ? Json(key) : Json();
    if (key < 0) continue;
    heads[i]["token"] = tokens[key];
    heads[i]["verdict"] = nullptr;
    heads[i]["at_key"] = Json::object();
  }
}

}  // namespace

Json probe_json(const Log& log) {
  const int64_t rows = std::ssize(log.steps("probe")), T = log.axes().at("key");
  const std::vector<WaiverPlace> places = waiver_places(log);
  const std::vector<std::string> tokens = log.strings("probe", "tokens");
  Json values = Json::object(), heads = empty_heads(places);
  auto layers = Json::array();
  for (int64_t l = 0; l < log.axes().at("layer"); ++l) layers.push_back({{"layer", l}});
  add_keys(heads, places, tokens);
  for (const std::string& name : log.names("probe")) {
    const SeriesAxes axes = log.spec("probe", name).axes;
    if (axes.empty() || axes[0] != "step") continue;
    const std::span<const std::string> along = std::span(axes).subspan(1);
    const auto is = [&](const SeriesAxes& wanted) { return std::ranges::equal(along, wanted); };
    const auto last = [&] { return log.read_rows("probe", name, rows - 1, rows).values; };
    if (is({})) {
      values[name] = json_number(last()[0]);
    } else if (is({"layer"})) {
      const auto all = last();
      for (size_t l = 0; l < layers.size(); ++l) layers[l][name] = json_number(all[l]);
    } else if (is({"layer", "head"})) {
      const auto all = last();
      for (size_t h = 0; h < heads.size(); ++h) heads[h][name] = json_number(all[h]);
    } else if (is({"layer", "head", "key"})) {
      const auto all = last();
      for (size_t h = 0; h < heads.size(); ++h) {
        if (places[h].key < 0) continue;
        const double x = all[h * T + places[h].key];
        if (name == "waiver_score")
          heads[h]["verdict"] = verdict_text(static_cast<Verdict>(std::lround(x)));
        else
          heads[h]["at_key"][name] = json_number(x);
      }
    }
  }
  return {{"values", values},
          {"layers", layers},
          {"heads", heads},
          {"elements", elements_json(log)},
          {"tokens", tokens}};
}

}  // namespace waiver
