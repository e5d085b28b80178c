#include "study/claims/measurements.h"

#include <algorithm>

namespace waiver {
namespace {

Measurement measurement(const Claim& claim, const RunLogs& run) {
  try {
    const double value = claim.measure->of(run);
    return {value, std::isnan(value) ? "the series is undefined there." : "", claim.definition};
  } catch (const Undefined& reason) {
    return {NAN, reason.problem(), claim.definition};
  }
}

bool is_about(const Claim& claim, size_t run) {
  for (const auto* some : {&claim.runs, &claim.others})
    if (std::ranges::find(*some, run) != some->end()) return true;
  return false;
}

}  // namespace

Measurements measure_run(std::span<const Claim> claims, size_t index, const RunLogs& run) {
  Measurements out;
  for (const Claim& claim : claims)
    if (is_about(claim, index)) out.emplace(claim.id, measurement(claim, run));
  return out;
}

bool has_measured(const Measurements& measurements, std::span<const Claim> claims, size_t index) {
  return std::ranges::all_of(claims, [&](const Claim& claim) {
    if (!is_about(claim, index)) return true;
    const auto at = measurements.find(claim.id);
    return at != measurements.end() && at->second.definition == claim.definition &&
           !std::isnan(at->second.value);
  });
}

Json json_of(const Measurements& measurements) {
  Json out = Json::object();
  for (const auto& [id, one] : measurements) {
    Json& entry = out[id] = {{"measure", one.definition}, {"value", json_exact_number(one.value)}};
    if (!one.why.empty()) entry["why"] = one.why;
  }
  return out;
}

Measurements measurements_of(const Json& json) {
  Measurements out;
  for (const auto& [id, entry] : json.items())
    out[id] = {exact_number(entry.at("value")), entry.value("why", ""), entry.at("measure")};
  return out;
}

}  // namespace waiver
