#include "core/fields/registry.h"
#include "train/optimizer.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define OPTIMIZERS(KIND) \
  KIND(Optimizer, adamw) \
  KIND(Optimizer, adam)  \
  KIND(Optimizer, sgd)   \
  KIND(Optimizer, lion)  \
  KIND(Optimizer, muon)  \
  KIND(Optimizer, ortho_adam)
WAIVER_REGISTRY(Optimizer, OPTIMIZERS)

}  // namespace waiver
