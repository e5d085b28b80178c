#include "core/fields/registry.h"
#include "model/mlp/mlp.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define MLPS(KIND)     \
  KIND(Mlp, relu)      \
  KIND(Mlp, gelu)      \
  KIND(Mlp, gelu_tanh) \
  KIND(Mlp, swiglu)    \
  KIND(Mlp, linear)    \
  KIND(Mlp, no_mlp)
WAIVER_REGISTRY(Mlp, MLPS)

}  // namespace waiver
