#include "core/fields/registry.h"
#include "model/attention/mask.h"
#include "model/attention/normalizer.h"
#include "model/attention/qk_norm.h"
#include "model/attention/slot.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define MASKS(KIND)  \
  KIND(Mask, causal) \
  KIND(Mask, bidirectional)
WAIVER_REGISTRY(Mask, MASKS)

#define NORMALIZERS(KIND)           \
  KIND(Normalizer, softmax)         \
  KIND(Normalizer, softmax1)        \
  KIND(Normalizer, sink_logit)      \
  KIND(Normalizer, sigmoid)         \
  KIND(Normalizer, elu1)            \
  KIND(Normalizer, relu_normalizer) \
  KIND(Normalizer, softpick)        \
  KIND(Normalizer, clipped)
WAIVER_REGISTRY(Normalizer, NORMALIZERS)

#define SLOTS(KIND)    \
  KIND(Slot, no_slot)  \
  KIND(Slot, key_slot) \
  KIND(Slot, key_value_slot)
WAIVER_REGISTRY(Slot, SLOTS)

#define QK_NORMS(KIND)        \
  KIND(QkNorm, no_qk_norm)    \
  KIND(QkNorm, layer_qk_norm) \
  KIND(QkNorm, rms_qk_norm)
WAIVER_REGISTRY(QkNorm, QK_NORMS)

}  // namespace waiver
