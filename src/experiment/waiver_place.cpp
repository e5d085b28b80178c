#include "experiment/waiver_place.h"

#include <fmt/format.h>

#include <algorithm>

namespace waiver {

std::vector<WaiverPlace> waiver_places(const Log& log) {
  const int64_t rows = std::ssize(log.steps("probe"));
  if (rows == 0) return {};
  const int64_t L = log.axes().at("layer"), H = log.axes().at("head"), T = log.axes().at("key");
  const Log::Data alpha = log.read_rows("probe", "received_attention", rows - 1, rows);
  const Log::Data visibility = log.read("probe", "key_visibility");
  std::vector<WaiverPlace> places;
  for (int64_t l = 0; l < L; ++l) {
    const double* seen = &visibility.values[l * T];
    const double enough = *std::max_element(seen, seen + T) / 4;
    for (int64_t h = 0; h < H; ++h) {
      WaiverPlace place = {l, h, -1, 0};
      const double* received = &alpha.values[(l * H + h) * T];
      for (int64_t k = 0; k < T; ++k)
        if (seen[k] > enough && (place.key < 0 || received[k] > place.attention)) {
          place.key = k;
          place.attention = received[k];
        }
      places.push_back(place);
    }
  }
  return places;
}

std::optional<WaiverPlace> strongest_waiver(const Log& log) {
  std::optional<WaiverPlace> best;
  for (const WaiverPlace& place : waiver_places(log))
    if (place.key >= 0 && (!best || place.attention > best->attention)) best = place;
  return best;
}

std::string to_text(const WaiverPlace& place) {
  return fmt::format("waiver {}.{} at {}: {:.2f}", place.layer, place.head, place.key,
                     place.attention);
}

}  // namespace waiver
