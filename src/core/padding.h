#pragma once

#include <cstdint>

namespace waiver {

/// How many of a sequence's tokens [length] come before the padding at its end; `padding` is −1
/// where no token fills up sequences.
inline int64_t length_without(int64_t padding, const int32_t* tokens, int64_t length) {
  while (length > 0 && tokens[length - 1] == padding) --length;
  return length;
}

}  // namespace waiver
