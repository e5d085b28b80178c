#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

namespace waiver {

/// How many threads tiles are handed to. Results never depend on it.
void set_threads(int count);
int threads();

/// A buffer of this thread's own, valid until the thread's next call with the same slot (0..7).
/// Grows to the largest request and stays, so a steady step allocates nothing.
float* scratch(int slot, size_t floats);

/// The first exception that a tile throws is rethrown once all tiles have ended.
class TileErrors {
 public:
  void keep(std::exception_ptr error);
  void rethrow() const;

 private:
  std::exception_ptr first_;
};

/// Calls f(0) … f(tiles − 1), each once, in any order, on all threads. A tile writes only what no
/// other tile touches; sums over tiles are added afterwards in the order of the tiles.
template <class F>
void parallel_tiles(int64_t tiles, const F& f) {
  TileErrors errors;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t tile = 0; tile < tiles; ++tile) {
    try {
      f(tile);
    } catch (...) {
      errors.keep(std::current_exception());
    }
  }
  errors.rethrow();
}

/// Cuts [0, n) into ranges of `grain` and calls f(begin, end) for each. `grain` depends on shapes
/// alone, never on the number of threads.
template <class F>
void parallel_ranges(int64_t n, int64_t grain, const F& f) {
  parallel_tiles((n + grain - 1) / grain, [&](int64_t tile) {
    const int64_t begin = tile * grain;
    f(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace waiver
