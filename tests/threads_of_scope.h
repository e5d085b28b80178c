#pragma once

#include "core/threads.h"

namespace waiver {

// So many threads until the scope ends.
struct Threads {
  explicit Threads(int count) { set_threads(count); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { set_threads(before); }
  int before = threads();
};

}  // namespace waiver
