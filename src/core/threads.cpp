#include "core/threads.h"

#include <omp.h>

#include <algorithm>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace waiver {
namespace {
TileLoops* counted = nullptr;
int asked = 0;

constexpr int kMostPerProcessor =
    32;  // more would only wait for each other: a step would take seconds

// How many of `count` threads can exist at once, including this one. OpenMP would end the process
// at the first that cannot start.
int startable(int count) {
  std::vector<std::thread> others;
  others.reserve(count);
  std::mutex until_counted;
  {
    const std::lock_guard hold(until_counted);
    try {
      while (std::ssize(others) + 1 < count)
        others.emplace_back([&] { const std::lock_guard wait(until_counted); });
    } catch (const std::system_error&) {
    }
  }
  for (std::thread& other : others) other.join();
  return static_cast<int>(std::ssize(others)) + 1;
}
}  // namespace

void set_threads(int count) {
  // A region must get the threads it asks for: oneDNN would split a product that runs alone.
  omp_set_dynamic(0);
  omp_set_max_active_levels(1);
  asked = count;
  count = std::min({count, omp_get_thread_limit(), kMostPerProcessor * omp_get_num_procs()});
  const int most = startable(count);
  omp_set_num_threads(most < count ? std::max(1, most / 2) : count);
}
int threads() { return omp_get_max_threads(); }
int threads_asked() { return asked; }

void TileErrors::keep(std::exception_ptr error) {
#pragma omp critical(waiver_tile_errors)
  if (!first_) first_ = error;
}

void TileLoops::operator+=(const TileLoops& more) {
  if (more.tiles == 0) return;
  fewest = tiles == 0 ? more.fewest : std::min(fewest, more.fewest);
  tiles += more.tiles;
  seconds += more.seconds;
  few_seconds += more.few_seconds;
  for (const OfSize& other : more.sizes) {
    auto own = std::ranges::find(sizes, other.tiles, &OfSize::tiles);
    if (own == sizes.end()) own = sizes.insert(own, {other.tiles});
    own->count += other.count;
    own->seconds += other.seconds;
  }
}

void count_tiles(TileLoops* loops) { counted = loops; }

TileLoop::TileLoop(int64_t tiles) : tiles_(tiles) {
  if (counted) start_ = std::chrono::steady_clock::now();
}

TileLoop::~TileLoop() {
  if (!counted) return;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
  const double seconds = took.count();
  *counted +=
      {tiles_, tiles_, seconds, tiles_ < TileLoops::kMany ? seconds : 0.0, {{tiles_, 1, seconds}}};
}

void TileErrors::rethrow() const {
  if (first_) std::rethrow_exception(first_);
}

}  // namespace waiver
