#include "probe/events/waiver_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "probe/shares.h"

namespace waiver {

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

std::optional<WaiverPlace> stronger_added(const std::optional<WaiverPlace>& best,
                                          std::span<const double> added_attention, int64_t layers,
                                          int64_t heads) {
  const int64_t keys = std::ssize(added_attention) / (layers * heads);
  double most = best ? best->attention : 0;
  std::optional<WaiverPlace> found;
  for (int64_t i = 0; i < std::ssize(added_attention); ++i) {
    if (!(added_attention[i] > most)) continue;
    most = added_attention[i];
    found = WaiverPlace{i / keys / heads, i / keys % heads, -1, most};
    found->added = i % keys;
  }
  return found;
}

std::string WaiverPlace::key_name() const {
  if (added >= 0) return fmt::format("added key {}", added);
  return role < 0 ? std::to_string(key) : role_name;
}

std::string to_text(const WaiverPlace& place, Verdict verdict) {
  const char* what = verdict == Verdict::waiver      ? "waiver"
                     : verdict == Verdict::sink_only ? "sink"
                                                     : "strongest attention";
  return fmt::format("{} {}.{} at {}: {:.2f}", what, place.layer, place.head, place.key_name(),
                     place.attention);
}

std::string strongest_text(const Metric::Found& found, std::span<const float> visibility,
                           int64_t layers, int64_t heads, const WaiverThresholds& thresholds,
                           const std::vector<std::string>& roles) {
  const std::vector<float>& alpha = *found(as_shares("received_attention", found));
  const std::vector<float>& enrichment = *found(as_shares("enrichment", found));
  const std::vector<float>& ratio = *found("value_ratio");
  auto best = strongest_waiver(
      waiver_places(std::vector<double>(alpha.begin(), alpha.end()),
                    std::vector<double>(visibility.begin(), visibility.end()), layers, heads));
  std::string text;
  if (best) {
    const int64_t T = std::ssize(visibility) / layers,
                  at = (best->layer * heads + best->head) * T + best->key;
    text = to_text(*best, classify(thresholds, alpha[at], enrichment[at], ratio[at]));
  }
  if (const std::vector<float>* by_role = found("role_received_attention")) {
    const std::vector<double> all(by_role->begin(), by_role->end());
    if (const auto role = stronger_role(best, all, roles, layers, heads)) {
      const int64_t head = role->layer * heads + role->head, R = std::ssize(roles),
                    each = std::ssize(all) / (layers * heads);
      text = to_text(*role, classify(thresholds, (*by_role)[head * each + role->role],
                                     (*found("role_enrichment"))[head * each + role->role],
                                     (*found("role_value_ratio"))[head * R + role->role]));
      best = role;
    }
  }
  if (const std::vector<float>* by_added = found(as_shares("added_attention", found))) {
    const std::vector<double> all(by_added->begin(), by_added->end());
    if (const auto added = stronger_added(best, all, layers, heads)) {
      const int64_t at =
          (added->layer * heads + added->head) * std::ssize(all) / (layers * heads) + added->added;
      // It has no enrichment, and is judged without.
      const Verdict verdict =
          classify(thresholds, (*by_added)[at], std::numeric_limits<float>::infinity(),
                   (*found("added_value_ratio"))[at]);
      text = to_text(*added, verdict) + (text.empty() ? "" : "; " + text);
    }
  }
  return text;
}

}  // namespace waiver
