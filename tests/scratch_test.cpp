#include "core/scratch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace waiver {
namespace {

// Every scope fills what it takes, opens one within itself, and finds its own numbers afterwards.
void nest(int depth, size_t count) {
  Scratch memory;
  float* first = memory.floats(count);
  float* second = memory.floats(3 * count);
  std::fill_n(first, count, static_cast<float>(depth));
  std::fill_n(second, 3 * count, static_cast<float>(-depth));
  if (depth > 1)
    for (int i = 0; i < 2; ++i) nest(depth - 1, count + 100 * depth);
  float* third = memory.floats(count);
  std::fill_n(third, count, 0.5f);
  const auto all = [&](const float* x, size_t n, int value) {
    return std::all_of(x, x + n, [&](float v) { return v == static_cast<float>(value); });
  };
  CHECK(all(first, count, depth));
  CHECK(all(second, 3 * count, -depth));
  for (const float* p : {first, second, third}) CHECK(reinterpret_cast<uintptr_t>(p) % 64 == 0);
}

}  // namespace

TEST_CASE("scopes within scopes never share scratch memory, on any thread") {
  nest(5, 17);
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) others.emplace_back([] { nest(4, 1000); });
  for (std::thread& other : others) other.join();
}

TEST_CASE("scratch memory asks the system for nothing once it has seen the most at once") {
  std::thread([] {  // whose stack is new
    for (size_t largest : {10, 5000}) {
      nest(4, largest);
      nest(4, largest);
      const size_t before = Scratch::allocations();
      for (int i = 0; i < 10; ++i) nest(4, largest);
      for (int i = 0; i < 10; ++i) nest(2, largest / 2);
      CHECK(Scratch::allocations() == before);
    }
  })
      .join();
}

TEST_CASE("nothing at all can be taken from scratch memory") {
  Scratch memory;
  CHECK(memory.floats(0) != nullptr);
  float* one = memory.floats(1);
  CHECK(memory.floats(1) != one);
}

}  // namespace waiver
