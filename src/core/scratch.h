#pragma once

#include <cstddef>

namespace waiver {

/// Memory for the duration of a scope, from a stack of the thread's own:
///   Scratch memory;
///   float* scores = memory.floats(rows * keys);
/// A nested scope takes the memory above the outer one's. A stack grows to the largest simultaneous
/// demand and keeps that size, so a steady step allocates nothing. Scopes end in the reverse order
/// of their beginnings, on the thread where they began.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  /// Uninitialised, 64-byte aligned, valid until this scope ends. REQUIRES: no scope within this
  /// one is open. Throws std::bad_alloc.
  float* floats(size_t count);

  /// How often this thread requested memory from the system.
  static size_t allocations();

 private:
  size_t used_, overflows_;  // of the stack, when this scope began
};

}  // namespace waiver
