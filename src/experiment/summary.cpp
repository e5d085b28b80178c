#include "experiment/summary.h"

#include <fmt/format.h>

#include <cmath>

#include "experiment/run_events.h"

namespace waiver {
namespace {

SeriesSpec spec_of(const std::string& name, std::vector<std::string> axes, std::string units,
                   std::string text) {
  return {"summary", name, std::move(axes), std::move(units), name, std::move(text)};
}

double last(const Log::Data& data, int64_t place) { return data.over_rows(place).back(); }

void write_onsets(Log& log, const std::string& name, const std::string& what,
                  const std::vector<Onset>& onsets) {
  const std::vector<std::string> axes = {"layer", "head"};
  std::vector<int64_t> steps;
  std::vector<double> before, after;
  for (const Onset& onset : onsets) {
    steps.push_back(onset.step);
    before.push_back(onset.before);
    after.push_back(onset.after);
  }
  log.set(spec_of(name + "_step", axes, "step",
                  fmt::format("first step with {} above the threshold for {} probes in a row; −1: "
                              "never",
                              what, kPersistence)),
          std::span<const int64_t>(steps));
  log.set(spec_of(name + "_before", axes, "1", "its value one probe earlier; NaN: never"),
          std::span<const double>(before));
  log.set(spec_of(name + "_after", axes, "1", "its value at that step; NaN: never"),
          std::span<const double>(after));
}

}  // namespace

void write_summary(Log& log, const ProbeConfig& config) {
  const std::vector<int64_t> steps = log.steps("probe");
  if (steps.empty()) return;
  const double threshold = config.sink_threshold;
  const int64_t T = log.axes().at("key");
  const Log::Data bos = log.read("probe", "bos_attention");
  const Log::Data alpha = log.read("probe", "received_attention");
  const Log::Data enrichment = log.read("probe", "enrichment");
  const Log::Data ratio = log.read("probe", "value_ratio");
  const Log::Data residual = log.read("probe", "residual_ratio");

  std::vector<Onset> bos_onsets, waiver_onsets;
  std::vector<int64_t> keys;
  std::vector<double> received, enriched, value, norm;
  for (const WaiverPlace& place : waiver_places(log)) {
    const int64_t head = place.layer * log.axes().at("head") + place.head;
    const bool attends = place.key >= 0;
    const int64_t key = attends ? place.key : 0, at = head * T + key;
    keys.push_back(place.key);
    bos_onsets.push_back(find_onset(steps, bos.over_rows(head), threshold));
    waiver_onsets.push_back(find_onset(steps, alpha.over_rows(at), threshold));
    received.push_back(last(alpha, at));
    enriched.push_back(last(enrichment, at));
    value.push_back(last(ratio, at));
    norm.push_back(attends ? last(residual, place.layer * T + key) : NAN);
  }

  const std::vector<std::string> axes = {"layer", "head"};
  log.set(spec_of("threshold", {}, "1", "probe.sink_threshold"), std::span(&threshold, 1));
  write_onsets(log, "bos_onset", "attention to the first token", bos_onsets);
  log.set(
      spec_of("waiver_key", axes, "1",
              "key with the largest received attention at the end; −1: the block has no attention"),
      std::span<const int64_t>(keys));
  write_onsets(log, "waiver_onset", "received attention of waiver_key", waiver_onsets);
  log.set(spec_of("waiver_received_attention", axes, "1", "its received attention at the end"),
          std::span<const double>(received));
  log.set(spec_of("waiver_enrichment", axes, "1", "its enrichment at the end"),
          std::span<const double>(enriched));
  log.set(spec_of("waiver_value_ratio", axes, "1", "its value ratio r_V at the end"),
          std::span<const double>(value));
  log.set(spec_of("waiver_residual_ratio", axes, "1", "its residual ratio at the end"),
          std::span<const double>(norm));
  write_events(log, config);
}

}  // namespace waiver
