#include "core/fields/registry.h"
#include "model/position/encoding.h"
#include "model/position/rope_scaling.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define ENCODINGS(KIND)               \
  KIND(PositionEncoding, no_encoding) \
  KIND(PositionEncoding, learned)     \
  KIND(PositionEncoding, sinusoidal)  \
  KIND(PositionEncoding, rope)        \
  KIND(PositionEncoding, alibi)       \
  KIND(PositionEncoding, relative)    \
  KIND(PositionEncoding, fire)        \
  KIND(PositionEncoding, kerple)
WAIVER_REGISTRY(PositionEncoding, ENCODINGS)
template class Kinds<PositionEncoding>;

#define ROPE_SCALINGS(KIND)     \
  KIND(RopeScaling, no_scaling) \
  KIND(RopeScaling, llama3)     \
  KIND(RopeScaling, yarn)
WAIVER_REGISTRY(RopeScaling, ROPE_SCALINGS)

}  // namespace waiver
