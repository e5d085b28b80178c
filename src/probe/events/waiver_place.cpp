#include "probe/events/waiver_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/shares.h"

namespace waiver {

std::vector<int64_t> candidate_keys(std::span<const double> visibility) {
  const double enough = *std::max_element(visibility.begin(), visibility.end()) / 4;
  std::vector<int64_t> keys;
  for (int64_t k = 0; k < std::ssize(visibility); ++k)
    if (visibility[k] > enough) keys.push_back(k);
  return keys;
}

std::vector<WaiverPlace> waiver_places(std::span<const double> received_attention,
                                       std::span<const double> visibility, int64_t layers,
                                       int64_t heads) {
  const int64_t T = std::ssize(visibility) / layers;
  std::vector<WaiverPlace> places;
  for (int64_t l = 0; l < layers; ++l) {
    const std::vector<int64_t> keys = candidate_keys(visibility.subspan(l * T, T));
    for (int64_t h = 0; h < heads; ++h) {
      WaiverPlace place = {l, h, -1, 0};
      for (const int64_t k : keys)
        if (const double alpha = received_attention[(l * heads + h) * T + k];
            !std::isnan(alpha) && (place.key < 0 || alpha > place.attention)) {
          place.key = k;
          place.attention = alpha;
        }
      places.push_back(place);
    }
  }
  return places;
}

std::optional<WaiverPlace> strongest_waiver(const std::vector<WaiverPlace>& places) {
  std::optional<WaiverPlace> best;
  for (const WaiverPlace& place : places)
    if (place.key >= 0 && (!best || place.attention > best->attention)) best = place;
  return best;
}

std::string to_text(const WaiverPlace& place, Verdict verdict) {
  const char* what = verdict == Verdict::waiver      ? "waiver"
                     : verdict == Verdict::sink_only ? "sink"
                                                     : "strongest attention";
  return fmt::format("{} {}.{} at {}: {:.2f}", what, place.layer, place.head, place.key,
                     place.attention);
}

std::string strongest_text(const Metric::Found& found, std::span<const float> visibility,
                           int64_t layers, int64_t heads, const WaiverThresholds& thresholds) {
  const std::vector<float>& alpha = *found(as_shares("received_attention", found));
  const std::vector<float>& enrichment = *found(as_shares("enrichment", found));
  const std::vector<float>& ratio = *found("value_ratio");
  const auto place = strongest_waiver(
      waiver_places(std::vector<double>(alpha.begin(), alpha.end()),
                    std::vector<double>(visibility.begin(), visibility.end()), layers, heads));
  if (!place) return {};
  const int64_t T = std::ssize(visibility) / layers;
  const int64_t at = (place->layer * heads + place->head) * T + place->key;
  return to_text(*place, classify(thresholds, alpha[at], enrichment[at], ratio[at]));
}

}  // namespace waiver
