#include "report/probe_data.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "probe/metrics/waiver_score.h"
#include "report/arrays.h"
#include "run/events.h"

namespace waiver {
namespace {

constexpr int64_t kBudget = int64_t{4} << 20;     // bytes of α by position, before compression
constexpr int64_t kMapBudget = int64_t{3} << 17;  // bytes of maps in the page
constexpr int64_t kPositionSteps = 60, kLeastTokens = 32;

Json rows_of(const std::vector<int64_t>& steps) { return whole_array(steps, {std::ssize(steps)}); }

// Whether a series says something about the key of a place: of a role or an added key only one of
// its own does.
bool tells(const ProbeValues& probe, const std::string& series, const WaiverPlace& place) {
  if (place.role >= 0) return probe.has("role_" + series);
  if (place.added >= 0)
    return probe.has(series == "received_attention" ? "added_attention" : "added_" + series);
  return probe.has(series);
}

/// Numbers per probe and head, from one series per head.
class ByHead {
 public:
  ByHead(int64_t steps, int64_t layers, int64_t heads)
      : shape_{steps, layers, heads}, values_(static_cast<size_t>(steps * layers * heads), NAN) {}
  void set(int64_t layer, int64_t head, const std::vector<double>& series) {
    for (int64_t s = 0; s < std::ssize(series); ++s) at(s, layer, head) = series[s];
  }
  double& at(int64_t step, int64_t layer, int64_t head) {
    return values_[(step * shape_[1] + layer) * shape_[2] + head];
  }
  Json json() const { return rounded_array(values_, shape_); }

 private:
  std::vector<int64_t> shape_;
  std::vector<double> values_;
};

Json of_heads(const Log& log, ProbeValues& probe, const Story& story) {
  const int64_t S = std::ssize(story.steps), L = log.axes().at("layer"), H = log.axes().at("head");
  Json out = Json::object();
  for (const char* series :
       {"received_attention", "enrichment", "value_ratio", "value_norm", "key_norm"}) {
    if (!tells(probe, series, story.at)) continue;
    ByHead all(S, L, H);
    for (int64_t l = 0; l < L; ++l)
      for (int64_t h = 0; h < H; ++h) {
        WaiverPlace place = story.at;
        place.layer = l;
        place.head = h;
        all.set(l, h, probe.at(series, place));
      }
    out[series] = all.json();
  }
  if (probe.has("delta_logit"))
    out["delta_logit"] = rounded_array(probe.all("delta_logit").values, {S, L, H});
  return out;
}

Json of_layers(const Log& log, ProbeValues& probe, const Story& story) {
  const int64_t S = std::ssize(story.steps), L = log.axes().at("layer");
  Json out = Json::object();
  if (story.at.added >= 0) return out;  // it has no place in the residual stream
  for (const char* series : {"residual_norm", "residual_ratio"}) {
    if (!tells(probe, series, story.at)) continue;
    ByHead all(S, L, 1);
    for (int64_t l = 0; l < L; ++l) {
      WaiverPlace place = story.at;
      place.layer = l;
      all.set(l, 0, probe.at(series, place));
    }
    out[series] = all.json();
  }
  return out;
}

// Of each layer, the key behind the last one that enough queries see (candidate_keys).
std::vector<int64_t> judged_keys(const Log& log) {
  const int64_t L = log.axes().at("layer"), T = log.axes().at("key");
  const std::vector<double> seen = log.read("probe", "key_visibility").values;
  std::vector<int64_t> out;
  for (int64_t l = 0; l < L; ++l) {
    const auto keys = candidate_keys(std::span(seen).subspan(l * T, T));
    out.push_back(keys.empty() ? 0 : keys.back() + 1);
  }
  return out;
}

// Numbers 0 … rows − 1, at most `most` of them, evenly, with the first and the last.
std::vector<int64_t> evenly(int64_t rows, int64_t most) {
  std::set<int64_t> out;
  most = std::max<int64_t>(most, 1);
  for (int64_t i = 0; i < std::min(rows, most); ++i)
    out.insert(rows <= most ? i : most == 1 ? rows - 1 : i * (rows - 1) / (most - 1));
  return {out.begin(), out.end()};
}

bool are_shares(const std::vector<double>& values) {
  return std::ranges::all_of(values,
                             [](double x) { return std::isnan(x) || (x >= 0 && x <= 1 + 1e-5); });
}

// Mean value norms of the first `count` keys at the snapshots, [step, layer, head, key]; null where
// there are none.
Json value_norms(const Log& log, const std::vector<int64_t>& snapshots, int64_t count) {
  if (!log.has("probe", "value_norm")) return nullptr;
  const std::vector<int64_t> steps = log.steps("probe");
  const int64_t L = log.axes().at("layer"), H = log.axes().at("head"), T = log.axes().at("key");
  std::vector<double> out;
  for (const int64_t step : snapshots) {
    const auto found = std::ranges::find(steps, step);
    if (found == steps.end()) return nullptr;
    const int64_t row = found - steps.begin();
    const std::vector<double> norms = log.read_rows("probe", "value_norm", row, row + 1).values;
    for (int64_t at = 0; at < L * H * T; at += T)
      out.insert(out.end(), norms.begin() + at, norms.begin() + at + count);
  }
  return rounded_array(out, {std::ssize(snapshots), L, H, count});
}

// Of the steps' maps [head, query, key], the first `count` queries and keys.
std::vector<double> cropped(const std::vector<double>& maps, int64_t tokens, int64_t count) {
  std::vector<double> out;
  const int64_t all = std::ssize(maps) / (tokens * tokens);
  out.reserve(static_cast<size_t>(all * count * count));
  for (int64_t m = 0; m < all; ++m)
    for (int64_t q = 0; q < count; ++q) {
      const auto row = maps.begin() + (m * tokens + q) * tokens;
      out.insert(out.end(), row, row + count);
    }
  return out;
}

// The first `count` queries and keys of all maps.
Json packed_maps(const Log& log, const std::vector<double>& maps, const std::vector<int64_t>& steps,
                 int64_t count) {
  const std::vector<double> kept = cropped(maps, log.axes().at("key"), count);
  const std::vector<int64_t> shape{std::ssize(steps), log.axes().at("layer"), log.axes().at("head"),
                                   count, count};
  return are_shares(kept) ? share_array(kept, shape) : rounded_array(kept, shape);
}

int64_t size_of(const Json& packed) {
  return std::ssize(packed.at("data").get_ref<const std::string&>());
}

}  // namespace

Json story_data(const Log& log, ProbeValues& probe, const Story& story) {
  const int64_t S = std::ssize(story.steps);
  Json out = {{"place",
               {{"layer", story.at.layer},
                {"head", story.at.head},
                {"position", story.at.key},
                {"key", story.key_text()}}},
              {"thresholds",
               {{"received_attention", story.thresholds.received_attention},
                {"enrichment", story.thresholds.enrichment},
                {"value_ratio", story.thresholds.value_ratio}}},
              {"onset", story.when.onset},
              {"attention_rose", story.attention_rose()},
              {"value_drained", story.value_drained()},
              {"steps", rows_of(story.steps)},
              {"received_attention", exact_array(story.attention, {S})},
              {"value_ratio", exact_array(story.value_ratio, {S})}};
  if (!story.enrichment.empty()) out["enrichment"] = exact_array(story.enrichment, {S});
  out["heads"] = of_heads(log, probe, story);
  out["layers"] = of_layers(log, probe, story);
  return out;
}

Json strongest_data(const Log& log, ProbeValues& probe) {
  const int64_t S = std::ssize(log.steps("probe")), L = log.axes().at("layer"),
                H = log.axes().at("head"), T = log.axes().at("key");
  const auto &alpha = probe.all("received_attention").values,
             &enrichment = probe.all("enrichment").values, &ratio = probe.all("value_ratio").values;
  const std::vector<double> seen = log.read("probe", "key_visibility").values;
  std::vector<int64_t> keys;
  ByHead attention(S, L, H), enriched(S, L, H), drained(S, L, H);
  std::vector<std::vector<int64_t>> candidates;
  for (int64_t l = 0; l < L; ++l)
    candidates.push_back(candidate_keys(std::span(seen).subspan(l * T, T)));
  for (int64_t s = 0; s < S; ++s)
    for (int64_t l = 0; l < L; ++l)
      for (int64_t h = 0; h < H; ++h) {
        const int64_t row = ((s * L + l) * H + h) * T;
        int64_t best = -1;
        for (const int64_t k : candidates[l])
          if (alpha[row + k] > (best < 0 ? -1 : alpha[row + best])) best = k;
        keys.push_back(best);
        if (best < 0) continue;
        attention.at(s, l, h) = alpha[row + best];
        enriched.at(s, l, h) = enrichment[row + best];
        drained.at(s, l, h) = ratio[row + best];
      }
  return {{"position", whole_array(keys, {S, L, H})},
          {"received_attention", attention.json()},
          {"enrichment", enriched.json()},
          {"value_ratio", drained.json()}};
}

Json position_data(const Log& log, ProbeValues& probe) {
  const std::vector<int64_t> steps = log.steps("probe");
  const std::vector<double>& alpha = probe.all("received_attention").values;
  const int64_t row = std::ssize(alpha) / std::max<int64_t>(std::ssize(steps), 1);
  std::vector<int64_t> kept;
  std::vector<double> values;
  for (const int64_t s :
       evenly(std::ssize(steps), std::min(kPositionSteps, kBudget / std::max<int64_t>(row, 1)))) {
    kept.push_back(steps[s]);
    values.insert(values.end(), alpha.begin() + s * row, alpha.begin() + (s + 1) * row);
  }
  return {
      {"steps", rows_of(kept)},
      {"judged", judged_keys(log)},
      {"received_attention", share_array(values, {std::ssize(kept), log.axes().at("layer"),
                                                  log.axes().at("head"), log.axes().at("key")})}};
}

Json snapshot_data(const Log& log) {
  const std::vector<int64_t> steps = log.steps("snapshot");
  if (steps.empty()) return nullptr;
  const int64_t T = log.axes().at("key");
  const std::vector<double> mean = log.read("snapshot", "pattern_mean").values;
  int64_t count = T;
  Json packed = packed_maps(log, mean, steps, count);
  for (int64_t size = size_of(packed); size > kMapBudget && count > kLeastTokens;
       size = size_of(packed)) {
    const double share = std::sqrt(static_cast<double>(kMapBudget) / static_cast<double>(size));
    count = std::clamp(static_cast<int64_t>(0.98 * share * static_cast<double>(count)),
                       kLeastTokens, count - 1);
    packed = packed_maps(log, mean, steps, count);
  }
  std::vector<std::string> tokens = log.strings("snapshot", "tokens");
  tokens.resize(static_cast<size_t>(count));
  Json out = {{"steps", rows_of(steps)},
              {"tokens", tokens},
              {"of", T},
              {"count", count},
              {"pattern_mean", std::move(packed)},
              {"pattern", packed_maps(log, log.read("snapshot", "pattern").values, steps, count)}};
  if (const Json norms = value_norms(log, steps, count); !norms.is_null())
    out["value_norm"] = norms;
  return out;
}

}  // namespace waiver
