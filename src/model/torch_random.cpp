#include "model/torch_random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace waiver {
namespace {

constexpr int64_t kBlock = 16;

// Uniform numbers, of which the first half give the radii and the second half the angles.
void box_muller(float* x) {
  for (int64_t i = 0; i < kBlock / 2; ++i) {
    const double radius = std::sqrt(-2 * std::log(1.0 - x[i]));
    const double angle = 2 * std::numbers::pi * x[i + kBlock / 2];
    x[i] = static_cast<float>(radius * std::cos(angle));
    x[i + kBlock / 2] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

float TorchRandom::next() { return static_cast<float>(words_() & 0xffffff) * 0x1p-24f; }

void TorchRandom::uniform(std::span<float> out, float limit) {
  for (float& x : out) x = next() * (2 * limit) - limit;
}

void TorchRandom::normal(std::span<float> out) {
  const int64_t n = std::ssize(out);
  std::array<float, kBlock> block;
  if (n >= kBlock)
    for (float& x : out) x = next();
  for (int64_t i = 0; i + kBlock <= n; i += kBlock) box_muller(&out[i]);
  if (n % kBlock == 0) return;
  // The last numbers are drawn anew, those before them in their block as well.
  for (float& x : block) x = next();
  box_muller(block.data());
  std::copy_n(block.begin(), std::min(n, kBlock), out.end() - std::min(n, kBlock));
}

}  // namespace waiver
