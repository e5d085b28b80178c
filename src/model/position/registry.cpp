#include "model/position/registry.h"

namespace waiver {

template <>
std::span<const Registered<PositionEncoding>> registry<PositionEncoding>() {
  static constexpr Registered<PositionEncoding> encodings[] = {
      {"none", "no encoding: only a causal mask tells order", make_no_encoding},
      {"learned", "a learned vector per position, added to the embedding", make_learned,
       "absolute"},
      {"sinusoidal", "fixed sines and cosines, added to the embedding (1706.03762)",
       make_sinusoidal},
      {"rope", "queries and keys turned by angles that grow with the position (2104.09864)",
       make_rope},
      {"alibi", "scores lowered in proportion to the distance (2108.12409)", make_alibi},
      {"relative",
       "a learned number per head and bucket of distances, added to the scores "
       "(1910.10683)",
       make_relative},
  };
  return encodings;
}

}  // namespace waiver
