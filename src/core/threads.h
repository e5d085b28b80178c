#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <vector>

#include "core/rehearsal.h"
#include "core/stop.h"

namespace waiver {

/// Sets how many threads tiles are handed to, at most 32 per processor; where that many cannot
/// start, half of those that can, to leave room for the work. Results never depend on it, nor on
/// any setting of OpenMP. REQUIRES: called before the first tiles, with `threads()` for the
/// default.
void set_threads(int count);
int threads();
/// How many threads `set_threads` was asked for.
int threads_asked();

/// The first exception that a tile throws is rethrown once all tiles have finished.
class TileErrors {
 public:
  void keep(std::exception_ptr error);
  void rethrow() const;

 private:
  std::exception_ptr first_;
};

/// Counts of the loops over tiles.
struct TileLoops {
  static constexpr int64_t kMany = 64;  // tiles that keep 64 threads busy

  int64_t tiles = 0;
  int64_t fewest = 0;      // tiles of the loop that had the fewest; 0: no loop
  double seconds = 0;      // within loops
  double few_seconds = 0;  // within loops of fewer than kMany tiles

  /// Loops of one number of tiles: how many there were, and their time.
  struct OfSize {
    int64_t tiles;
    int64_t count = 0;
    double seconds = 0;
  };
  std::vector<OfSize> sizes = {};

  void operator+=(const TileLoops& more);
};
/// From now on every loop over tiles adds to `loops`; null: none does.
void count_tiles(TileLoops* loops);

/// Counts one loop over tiles, if loops are being counted.
class TileLoop {
 public:
  explicit TileLoop(int64_t tiles);
  TileLoop(const TileLoop&) = delete;
  TileLoop& operator=(const TileLoop&) = delete;
  ~TileLoop();

 private:
  int64_t tiles_;
  std::chrono::steady_clock::time_point start_;
};

/// Calls f(0) … f(tiles − 1), each once, in any order, on all threads. A tile writes only what no
/// other tile touches; sums over tiles are added afterwards in the order of the tiles. Where a stop
/// is due, tiles that have not begun are skipped and Stopped is thrown. In a rehearsal nothing is
/// called. Each thread has an Own of its own meanwhile, f(tile, own), which may only save work:
/// what is in it depends on the tiles that the thread happened to run before.
template <class Own, class F>
void parallel_tiles_with(int64_t tiles, const F& f) {
  if (rehearsing()) return;
  TileErrors errors;
  const TileLoop loop(tiles);
#pragma omp parallel
  {
    Own own;
#pragma omp for schedule(dynamic, 1)
    for (int64_t tile = 0; tile < tiles; ++tile) {
      if (stop_due()) continue;
      try {
        f(tile, own);
      } catch (...) {
        errors.keep(std::current_exception());
      }
    }
  }
  errors.rethrow();
  check_stop();
}

/// The same without: f(tile).
template <class F>
void parallel_tiles(int64_t tiles, const F& f) {
  struct Nothing {};
  parallel_tiles_with<Nothing>(tiles, [&](int64_t tile, Nothing&) { f(tile); });
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
