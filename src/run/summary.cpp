#include "run/summary.h"

#include <fmt/format.h>

#include <cmath>

#include "run/events.h"

namespace waiver {
namespace {

SeriesSpec spec_of(const std::string& name, std::vector<std::string> axes, std::string units,
                   std::string text) {
  return {"summary", name, std::move(axes), std::move(units), name, std::move(text)};
}

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

void write_threshold(Log& log, const std::string& name, const std::string& text, double value) {
  log.set(spec_of(name, {}, "1", text), std::span<const double>(&value, 1));
}

}  // namespace

void write_summary(Log& log, const ProbeConfig& config) {
  const std::vector<int64_t> steps = log.steps("probe");
  if (steps.empty()) return;
  std::vector<Onset> bos_onsets, waiver_onsets;
  std::vector<int64_t> keys;
  std::vector<double> received, enriched, value, norm;
  ProbeValues probe(log);
  for (const WaiverPlace& place : waiver_places(log)) {
    const auto at_place = [&](const char* series) {
      return place.key < 0 ? std::vector<double>(steps.size(), NAN) : probe.at(series, place);
    };
    const std::vector<double> alpha = at_place("received_attention");
    keys.push_back(place.key);
    bos_onsets.push_back(
        find_onset(steps, probe.at("bos_attention", place), config.sink_threshold));
    waiver_onsets.push_back(find_onset(steps, alpha, config.waiver.received_attention));
    received.push_back(alpha.back());
    enriched.push_back(at_place("enrichment").back());
    value.push_back(at_place("value_ratio").back());
    norm.push_back(at_place("residual_ratio").back());
  }

  const std::vector<std::string> axes = {"layer", "head"};
  write_threshold(log, "threshold", "probe.sink_threshold, used by bos_onset",
                  config.sink_threshold);
  write_onsets(log, "bos_onset", "attention to the first token, including its own query,",
               bos_onsets);
  log.set(spec_of("waiver_key", axes, "1",
                  "key with the largest received attention at the end; −1: no attention, or only "
                  "to each query's own token"),
          std::span<const int64_t>(keys));
  write_threshold(log, "waiver_threshold",
                  "probe.waiver.received_attention, used by waiver_onset and the event sink",
                  config.waiver.received_attention);
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
