#pragma once

#include "core/arena.h"
#include "core/random.h"

namespace waiver {

// A matrix of normal numbers, of which `name` says which.
inline Tensor normals(Arena& arena, int64_t rows, int64_t columns, const char* name) {
  Tensor t = arena.tensor({rows, columns});
  for (int64_t i = 0; i < t.size(); ++i) t.data[i] = static_cast<float>(Random(1, name).normal(i));
  return t;
}

}  // namespace waiver
