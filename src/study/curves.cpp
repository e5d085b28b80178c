#include "study/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "config/reader.h"

namespace waiver {
namespace {

std::string key_of(size_t index) { return fmt::format("curves[{}]", index); }

struct Refusal {
  std::string key, what, hint;
};
// What keeps a run of this config from having the curve.
std::optional<Refusal> refusal(const KeptCurve& curve, const Config& config) {
  std::optional<Refusal> first;
  curve.series.check(config,
                     [&](const std::string& key, const std::string& what, const std::string& hint) {
                       if (!first) first = {key, what, hint};
                     });
  return first;
}

// All of the first ones, and then at gaps that grow: what emerges does so early.
std::vector<int64_t> kept_rows(int64_t rows) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < std::min(rows, kCurveRows); ++i) {
    const double share = static_cast<double>(i) / (kCurveRows - 1);
    out.push_back(std::max(i, std::lround(share * share * static_cast<double>(rows - 1))));
  }
  return out;
}

Json thinned(const Curve& curve) {
  Json steps = Json::array(), values = Json::array();
  for (const int64_t row : kept_rows(std::ssize(curve.steps))) {
    steps.push_back(curve.steps[row]);
    const double x = curve.values[row];
    values.push_back(std::isfinite(x) ? json_plain_number(std::stod(fmt::format("{:.4g}", x)))
                                      : Json());
  }
  return {{"steps", steps}, {"values", values}};
}

}  // namespace

void KeptCurve::visit(FieldVisitor& v) {
  v.field(Field{"name", "what the curve is called in the records"}.must_be_given(), name);
  series.visit(v);
}

std::vector<KeptCurve> read_curves(const Node& list, Complaints& complaints) {
  std::vector<KeptCurve> curves;
  std::set<std::string> names;
  for (size_t i = 0; i < list.items.size(); ++i) {
    KeptCurve curve;
    curve.written = list.items[i];
    read_item(
        list.items[i], key_of(i), curve, [](FieldVisitor& v, KeptCurve& c) { c.visit(v); }, {},
        complaints);
    Node definition = list.items[i];
    std::erase_if(definition.entries, [](const Node::Entry& e) { return e.name == "name"; });
    curve.definition = emit_flow(definition);
    if (!curve.name.empty() && !names.insert(curve.name).second)
      complaints.add(place_of(list.items[i], "name"), key_of(i) + ".name",
                     fmt::format("two curves are called \"{}\"", curve.name));
    curves.push_back(std::move(curve));
  }
  return curves;
}

void check_curves(std::span<const KeptCurve> curves, std::span<const Config* const> runs,
                  Complaints& complaints) {
  for (size_t i = 0; i < curves.size() && !runs.empty(); ++i) {
    const auto has = [&](const Config* run) { return !refusal(curves[i], *run); };
    if (std::ranges::any_of(runs, has)) continue;
    const auto [key, what, hint] = *refusal(curves[i], *runs.front());
    complaints.add(place_of(curves[i].written, key), key_of(i) + "." + key, what, hint);
  }
}

Json curves_of(std::span<const KeptCurve> curves, const RunLogs& run) {
  Json out = Json::object();
  for (const KeptCurve& curve : curves) try {
      if (refusal(curve, run.config)) continue;
      Json& kept = out[curve.name] = thinned(curve.series.of(run));
      kept["curve"] = curve.definition;
    } catch (const Undefined&) {  // as is the number of a claim about it
    }
  return out;
}

Json checked_curves(const Json& curves) {
  for (const auto& [name, curve] : curves.get<std::map<std::string, Json>>()) {
    curve.at("curve").get<std::string>();
    for (const char* part : {"steps", "values"})
      for (const Json& x : curve.at(part).get<std::vector<Json>>())
        if (!x.is_null()) x.get<double>();
    if (curve.at("steps").size() != curve.at("values").size())
      curve.at("steps").at(
          std::max(curve.at("steps").size(), curve.at("values").size()));  // throws
  }
  return curves;
}

bool has_curves(const Json& kept, std::span<const KeptCurve> curves, const Config& config) {
  return std::ranges::all_of(curves, [&](const KeptCurve& curve) {
    if (refusal(curve, config)) return true;
    const auto at = kept.find(curve.name);
    return at != kept.end() && at->value("curve", "") == curve.definition;
  });
}

}  // namespace waiver
