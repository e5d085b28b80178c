#pragma once

#include <cstddef>
#include <type_traits>

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
  /// one is open. Throws std::bad_alloc. In a rehearsal it is counted, and null.
  float* floats(size_t count);
  /// The same for small plain values.
  template <class T>
  T* array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return reinterpret_cast<T*>(floats((count * sizeof(T) + sizeof(float) - 1) / sizeof(float)));
  }

  /// How often this thread requested memory from the system.
  static size_t allocations();

 private:
  size_t used_, overflows_;  // of the stack, when this scope began
};

}  // namespace waiver
