#include "core/fields/registry.h"
#include "study/measures/measure.h"

// One line for each measure, in the order of the documentation.

namespace waiver {

#define MEASURES(KIND)      \
  KIND(Measure, value)      \
  KIND(Measure, onset)      \
  KIND(Measure, event)      \
  KIND(Measure, lag)        \
  KIND(Measure, place)      \
  KIND(Measure, sink_share) \
  KIND(Measure, difference) \
  KIND(Measure, peak)       \
  KIND(Measure, change)     \
  KIND(Measure, fit)        \
  KIND(Measure, matched)
WAIVER_REGISTRY(Measure, MEASURES)

}  // namespace waiver
