#include "probe/events/emergence.h"

#include <limits>
#include <utility>

#include "probe/events/onset.h"
#include "probe/metrics/waiver_score.h"

namespace waiver {
namespace {

// How little it tells, and when it begins.
std::pair<int, int64_t> rank_of(const Emergence& e) {
  if (e.emerged()) return {e.lasts() ? 0 : 1, e.onset};
  return {e.lasts() ? 2 : 3, e.since};
}

}  // namespace

void Emergence::add(int64_t step, bool is_waiver) {
  if (!is_waiver) {
    since = -1;
    lasting = 0;
    return;
  }
  if (lasting++ == 0) since = step;
  last = step;
  if (lasting == kPersistence && onset < 0) onset = since;
}

Emergence find_emergence(std::span<const int64_t> steps, std::span<const double> attention,
                         std::span<const double> enrichment, std::span<const double> value_ratio,
                         const WaiverThresholds& thresholds) {
  Emergence out;
  for (size_t i = 0; i < steps.size(); ++i) {
    const double e = enrichment.empty() ? std::numeric_limits<double>::infinity() : enrichment[i];
    out.add(steps[i], classify(thresholds, static_cast<float>(attention[i]), static_cast<float>(e),
                               static_cast<float>(value_ratio[i])) == Verdict::waiver);
  }
  return out;
}

bool tells_more(const Emergence& a, const Emergence& b) { return rank_of(a) < rank_of(b); }

}  // namespace waiver
