#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/tensor.h"

namespace waiver {

/// Memory that is handed out in order and freed all at once, or scope by scope, 64-byte aligned.
/// After the first `reset` it is one block as large as the largest round so far, so that a steady
/// training step allocates nothing. Throws Error where the system has no more memory, and TooLarge
/// where a rehearsal (rehearsal.h) may take no more.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* bytes(size_t count);
  template <class T>
  T* array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena never runs destructors");
    return static_cast<T*>(bytes(count * sizeof(T)));
  }
  Tensor tensor(const Shape& shape) { return {array<float>(shape.size()), shape}; }
  Tensor zeros(const Shape& shape);
  /// A matrix whose rows are padded to fast_pitch.
  Tensor matrix(int64_t rows, int64_t columns) {
    const int64_t pitch = fast_pitch(columns);
    return {array<float>(Shape{rows, pitch}.size()), {rows, columns}, pitch};
  }

  /// Everything handed out so far becomes invalid.
  void reset();
  /// While one lives, the arena hands out memory that it takes back at the end of the scope.
  class Scope {
   public:
    explicit Scope(Arena& arena);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    Arena& arena_;
    size_t blocks_, offset_, used_;
  };
  size_t used() const { return used_; }
  /// The most that was in use at a time since the last `reset`.
  size_t peak() const { return peak_; }
  size_t capacity() const { return capacity_; }
  /// How often memory was requested from the system.
  size_t allocations() const { return allocations_; }

 private:
  struct Release {
    size_t mapped;  // bytes of a block that only a rehearsal uses; 0: allocated
    void operator()(std::byte* p) const;
  };
  using Memory = std::unique_ptr<std::byte[], Release>;
  static Memory take(size_t size);
  struct Block {
    Memory memory;
    size_t size = 0;
  };
  void grow(size_t least);

  std::vector<Block> blocks_;
  size_t offset_ = 0;  // within the last block
  size_t used_ = 0, peak_ = 0, capacity_ = 0, allocations_ = 0;
};

}  // namespace waiver
