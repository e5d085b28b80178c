#include "experiment/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/onset.h"

namespace waiver {
namespace {

constexpr int64_t kPersistence = 3;

SeriesSpec spec_of(const std::string& name, std::vector<std::string> axes, std::string units,
                   std::string text) {
  return {"summary", name, std::move(axes), std::move(units), name, std::move(text)};
}

// One place of a series over the steps.
std::vector<double> over_steps(const Log::Data& data, int64_t place) {
  const int64_t rows = data.shape[0], row = std::ssize(data.values) / std::max<int64_t>(rows, 1);
  std::vector<double> out(rows);
  for (int64_t i = 0; i < rows; ++i) out[i] = data.values[i * row + place];
  return out;
}

double last(const Log::Data& data, int64_t place) { return over_steps(data, place).back(); }

// The key that the most attention went to, received [T], among those that more than a quarter as
// many queries see as any; `queries` [T] see each.
int64_t strongest_key(const double* received, const double* queries, int64_t T) {
  const double most = *std::max_element(queries, queries + T);
  int64_t best = -1;
  for (int64_t k = 0; k < T; ++k)
    if (4 * queries[k] > most && (best < 0 || received[k] > received[best])) best = k;
  return std::max<int64_t>(best, 0);
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
  log.set(spec_of(name + "_before", axes, "1", "its value one probe earlier"),
          std::span<const double>(before));
  log.set(spec_of(name + "_after", axes, "1", "its value at that step"),
          std::span<const double>(after));
}

}  // namespace

void write_summary(Log& log, double threshold) {
  const std::vector<int64_t> steps = log.steps("probe");
  if (steps.empty()) return;
  const int64_t heads = log.axes().at("layer") * log.axes().at("head"), T = log.axes().at("key");
  const Log::Data bos = log.read("probe", "bos_attention");
  const Log::Data alpha = log.read("probe", "received_attention");
  const Log::Data enrichment = log.read("probe", "enrichment");
  const Log::Data ratio = log.read("probe", "value_ratio");
  const Log::Data residual = log.read("probe", "residual_ratio");
  const Log::Data queries = log.read("probe", "queries");

  std::vector<Onset> bos_onsets, waiver_onsets;
  std::vector<int64_t> keys;
  std::vector<double> received, enriched, value, norm;
  for (int64_t head = 0; head < heads; ++head) {
    const int64_t layer = head / log.axes().at("head");
    const int64_t key = strongest_key(&alpha.values[(std::ssize(steps) - 1) * heads * T + head * T],
                                      &queries.values[layer * T], T);
    const bool attends = !std::isnan(last(alpha, head * T + key));
    keys.push_back(attends ? key : -1);
    bos_onsets.push_back(find_onset(steps, over_steps(bos, head), threshold, kPersistence));
    waiver_onsets.push_back(
        find_onset(steps, over_steps(alpha, head * T + key), threshold, kPersistence));
    received.push_back(last(alpha, head * T + key));
    enriched.push_back(last(enrichment, head * T + key));
    value.push_back(last(ratio, head * T + key));
    norm.push_back(attends ? last(residual, layer * T + key) : NAN);
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
}

std::string strongest_waiver(const Log& log) {
  const int64_t rows = std::ssize(log.steps("probe"));
  if (rows == 0) return {};
  const int64_t heads = log.axes().at("head"), T = log.axes().at("key");
  const Log::Data alpha = log.read_rows("probe", "received_attention", rows - 1, rows);
  const Log::Data queries = log.read("probe", "queries");
  int64_t best = -1;
  for (int64_t head = 0; head < log.axes().at("layer") * heads; ++head) {
    const int64_t at =
        head * T + strongest_key(&alpha.values[head * T], &queries.values[head / heads * T], T);
    if (best < 0 ? !std::isnan(alpha.values[at]) : alpha.values[at] > alpha.values[best]) best = at;
  }
  if (best < 0) return {};
  return fmt::format("waiver {}.{} at {}: {:.2f}", best / T / heads, best / T % heads, best % T,
                     alpha.values[best]);
}

}  // namespace waiver
