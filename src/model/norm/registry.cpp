#include "core/fields/registry.h"
#include "model/norm/norm.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define NORMS(KIND)      \
  KIND(Norm, layer_norm) \
  KIND(Norm, rms_norm)   \
  KIND(Norm, no_norm)
WAIVER_REGISTRY(Norm, NORMS)

}  // namespace waiver
