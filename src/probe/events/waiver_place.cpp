#include "probe/events/waiver_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

std::optional<WaiverPlace> stronger_role(const std::optional<WaiverPlace>& best,
                                         std::span<const double> received_attention,
                                         const std::vector<std::string>& roles, int64_t layers,
                                         int64_t heads) {
  const int64_t R = std::ssize(roles), each = std::ssize(received_attention) / (layers * heads);
  // A role that stands at one position has that position's attention, up to rounding.
  double most = best ? best->attention * (1 + 1e-5) : -1;
  std::optional<WaiverPlace> found;
  for (int64_t head = 0; head < layers * heads; ++head)
    for (int64_t r = 0; r < R; ++r) {
      const double alpha = received_attention[head * each + r];
      if (roles[r] == "first" || roles[r] == "other" || !(alpha > most)) continue;
      most = alpha;
      found = WaiverPlace{head / heads, head % heads, -1, alpha, r, roles[r]};
    }
  return found;
}

std::string to_text(const WaiverPlace& place, Verdict verdict) {
  const char* what = verdict == Verdict::waiver      ? "waiver"
                     : verdict == Verdict::sink_only ? "sink"
                                                     : "strongest attention";
  return fmt::format("{} {}.{} at {}: {:.2f}", what, place.layer, place.head, place.key_name(),
                     place.attention);
}

namespace {

// The added key to which a head gives more attention than `most`, if there is one. It has no
// enrichment, and is judged without.
std::string added_text(const Metric::Found& found, int64_t layers, int64_t heads, double most,
                       const WaiverThresholds& thresholds) {
  const std::vector<float>* alpha = found(as_shares("added_attention", found));
  if (!alpha) return {};
  const int64_t keys = std::ssize(*alpha) / (layers * heads);
  std::string out;
  for (int64_t i = 0; i < std::ssize(*alpha); ++i)
    if ((*alpha)[i] > most) {
      most = (*alpha)[i];
      const WaiverPlace place{
          i / keys / heads, i / keys % heads, -1, most, 0, fmt::format("added key {}", i % keys)};
      out = to_text(place, classify(thresholds, (*alpha)[i], std::numeric_limits<float>::infinity(),
                                    (*found("added_value_ratio"))[i]));
    }
  return out;
}

}  // namespace

std::string strongest_text(const Metric::Found& found, std::span<const float> visibility,
                           int64_t layers, int64_t heads, const WaiverThresholds& thresholds,
                           const std::vector<std::string>& roles) {
  const std::vector<float>& alpha = *found(as_shares("received_attention", found));
  const std::vector<float>& enrichment = *found(as_shares("enrichment", found));
  const std::vector<float>& ratio = *found("value_ratio");
  const auto place = strongest_waiver(
      waiver_places(std::vector<double>(alpha.begin(), alpha.end()),
                    std::vector<double>(visibility.begin(), visibility.end()), layers, heads));
  const int64_t T = std::ssize(visibility) / layers;
  std::string text;
  double most = 0;
  if (place) {
    const int64_t at = (place->layer * heads + place->head) * T + place->key;
    text = to_text(*place, classify(thresholds, alpha[at], enrichment[at], ratio[at]));
    most = place->attention;
  }
  if (const std::vector<float>* by_role = found("role_received_attention")) {
    const std::vector<double> all(by_role->begin(), by_role->end());
    if (const auto role = stronger_role(place, all, roles, layers, heads)) {
      const int64_t head = role->layer * heads + role->head, R = std::ssize(roles),
                    each = std::ssize(all) / (layers * heads);
      text = to_text(*role, classify(thresholds, (*by_role)[head * each + role->role],
                                     (*found("role_enrichment"))[head * each + role->role],
                                     (*found("role_value_ratio"))[head * R + role->role]));
      most = role->attention;
    }
  }
  const std::string added = added_text(found, layers, heads, most, thresholds);
  return added.empty() ? text : fmt::format("{}; {}", added, text);
}

}  // namespace waiver
