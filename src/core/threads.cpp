#include "core/threads.h"

#include <omp.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace waiver {
namespace {
struct Free {
  void operator()(float* p) const { std::free(p); }
};
struct Buffer {
  std::unique_ptr<float[], Free> memory;
  size_t size = 0;
};
thread_local Buffer buffers[8];
}  // namespace

void set_threads(int count) { omp_set_num_threads(count); }
int threads() { return omp_get_max_threads(); }

float* scratch(int slot, size_t floats) {
  Buffer& buffer = buffers[slot];
  if (buffer.size < floats) {
    const size_t size = (floats + 1023) / 1024 * 1024;
    buffer.memory.reset(static_cast<float*>(std::aligned_alloc(64, size * sizeof(float))));
    if (!buffer.memory) throw std::bad_alloc();
    buffer.size = size;
  }
  return buffer.memory.get();
}

void TileErrors::keep(std::exception_ptr error) {
#pragma omp critical(waiver_tile_errors)
  if (!first_) first_ = error;
}

void TileErrors::rethrow() const {
  if (first_) std::rethrow_exception(first_);
}

}  // namespace waiver
