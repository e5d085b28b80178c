#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace waiver {

/// The key that the most attention of a head goes to, from its received attention α [T]; among the
/// first three quarters, as later keys have few queries.
template <class Real>
int64_t strongest_key(const Real* received, int64_t T) {
  const int64_t among = std::max<int64_t>(1, 3 * T / 4);
  return std::max_element(received, received + among) - received;
}

/// Where in α [layer, head, key] the strongest key of the strongest head stands: the index
/// (layer · H + head) · T + key. Heads of NaN have no attention; −1 where no head has any.
template <class Real>
int64_t strongest_place(const std::vector<Real>& received, int64_t T) {
  int64_t best = -1;
  for (int64_t head = 0; head < std::ssize(received) / T; ++head)
    if (const int64_t at = head * T + strongest_key(&received[head * T], T);
        best < 0 ? !std::isnan(received[at]) : received[at] > received[best])
      best = at;
  return best;
}

}  // namespace waiver
