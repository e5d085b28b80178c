#include "core/fields/registry.h"
#include "model/position/encoding.h"

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

}  // namespace waiver
