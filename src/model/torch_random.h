#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace waiver {

/// The numbers that PyTorch draws on a CPU after torch.manual_seed(seed), one after another: a
/// Mersenne Twister whose words become floats as its uniform_ and normal_ make them (PyTorch 2;
/// ATen/core/TransformationHelper.h, ATen/native/cpu/DistributionTemplates.h). Those of `normal`
/// differ from its by rounding, as its logarithms and cosines do from one processor to another.
class TorchRandom {
 public:
  /// The lower 32 bits of `seed` count.
  explicit TorchRandom(uint64_t seed) : words_(static_cast<uint32_t>(seed)) {}

  /// U(−limit, limit), a word each.
  void uniform(std::span<float> out, float limit);
  /// N(0, 1), by Box–Muller in blocks of 16. Fewer than 16 numbers, for which PyTorch has another
  /// way, are the first of a block.
  void normal(std::span<float> out);

 private:
  float next();  // in [0, 1), 24 bits

  std::mt19937 words_;
};

}  // namespace waiver
