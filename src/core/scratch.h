#pragma once

#include <cstddef>

namespace waiver {

/// Memory for the length of a scope, from a stack that every thread has for itself:
///   Scratch memory;
///   float* scores = memory.floats(rows * keys);
/// A scope within another takes what lies above it. A stack grows to the most that was ever asked
/// of it at once and stays, so a steady step allocates nothing. Scopes end in the reverse order of
/// their beginnings, on the thread where they began.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  /// Uninitialised, 64-byte aligned, valid until this scope ends. REQUIRES: no scope within this
  /// one is open. Throws std::bad_alloc.
  float* floats(size_t count);

  /// How often this thread asked the system for memory.
  static size_t allocations();

 private:
  size_t used_, overflows_;  // of the stack, when this scope began
};

}  // namespace waiver
