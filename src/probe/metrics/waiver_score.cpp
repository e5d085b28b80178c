#include "probe/metrics/waiver_score.h"

#include <algorithm>
#include <cmath>

#include "probe/metrics/metric.h"
#include "probe/shares.h"

namespace waiver {
namespace {

/// The verdict on every key, from the series that other metrics have measured.
class WaiverScore : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "waiver_score",
             {"layer", "head", "key"},
             "1",
             "waiver score",
             "2, a waiver element: α_k and E_k above and r_V below the thresholds of probe.waiver; "
             "1, a sink only: r_V is not below; 0: neither. Where weights are not shares, α_k and "
             "E_k are those of the proxy. Few queries see the last keys of a causal mask, so any "
             "head that looks a step back has sinks there",
             between(0, 2)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override { thresholds_ = context.config.waiver; }
  void combine(const Found& found) override {
    const auto& alpha = *found(as_shares("received_attention", found));
    const auto& enrichment = *found(as_shares("enrichment", found));
    const auto &ratio = *found("value_ratio"), &norm = *found("value_norm");
    std::vector<float> score(alpha.size());
    for (size_t i = 0; i < score.size(); ++i)
      score[i] = std::isnan(norm[i])
                     ? norm[i]  // no sequence has this key
                     : static_cast<float>(classify(thresholds_, alpha[i], enrichment[i], ratio[i]));
    values_ = {score};
  }

 private:
  WaiverThresholds thresholds_;
};

}  // namespace

// In the precision of the measurement, so that a value at the threshold is not beyond it.
Verdict classify(const WaiverThresholds& thresholds, float received_attention, float enrichment,
                 float value_ratio) {
  const bool sink = received_attention > static_cast<float>(thresholds.received_attention) &&
                    enrichment > static_cast<float>(thresholds.enrichment);
  if (!sink) return Verdict::neither;
  const bool small = value_ratio < static_cast<float>(thresholds.value_ratio);
  return small ? Verdict::waiver : Verdict::sink_only;
}

std::string_view verdict_text(Verdict verdict) {
  return verdict == Verdict::waiver      ? "waiver"
         : verdict == Verdict::sink_only ? "sink only"
                                         : "neither";
}

std::vector<int64_t> candidate_keys(std::span<const double> visibility) {
  std::vector<int64_t> keys;
  if (visibility.empty()) return keys;
  const double enough = *std::ranges::max_element(visibility) / 4;
  for (int64_t k = 0; k < std::ssize(visibility); ++k)
    if (visibility[k] > enough) keys.push_back(k);
  return keys;
}

RegisteredMetric waiver_score_metric() { return {"waiver_score", make_metric<WaiverScore>}; }

}  // namespace waiver
