#include "core/fields/registry.h"
#include "model/attention/gates/gate.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define GATES(KIND)       \
  KIND(Gate, no_gate)     \
  KIND(Gate, head_gate)   \
  KIND(Gate, output_gate) \
  KIND(Gate, value_gate)
WAIVER_REGISTRY(Gate, GATES)

}  // namespace waiver
