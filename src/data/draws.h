#pragma once

#include <cstdint>
#include <string_view>

#include "core/random.h"

namespace waiver {

/// Which stream of sequences a batch is drawn from. They never share randomness.
enum class Split { train, validation, probe };
std::string_view split_name(Split split);

/// The random numbers of one sequence.
class SequenceRandom {
 public:
  SequenceRandom(const Random& random, int64_t first) : random_(random), first_(first) {}
  /// Uniform in [0, 1).
  double uniform(int64_t index) const { return random_.uniform(first_ + index); }
  /// Uniform in {0, …, n − 1}; n < 2^32.
  int64_t below(int64_t index, int64_t n) const { return random_.below(first_ + index, n); }
  /// Standard normal numbers index, index + 1, …; REQUIRES: index and the sequence's count are
  /// even.
  void normals(int64_t index, std::span<float> out) const { random_.normals(first_ + index, out); }

 private:
  Random random_;
  int64_t first_;
};

/// Which sequences a batch holds, and the only source of randomness in them. Training and probes
/// draw by (seed, batch, place in it). Validation draws by (seed, sequence), so that a sequence is
/// the same however a validation is split into batches.
class Draws {
 public:
  /// `index`: the number of the batch, or for validation the number of its first sequence. There is
  /// only one probe batch: number 0.
  Draws(uint64_t seed, Split split, int64_t index) : seed_(seed), split_(split), index_(index) {}

  Split split() const { return split_; }
  /// The number of the sequence at `place` of a validation batch, or of the probe batch.
  int64_t sequence(int64_t place) const { return index_ + place; }
  /// The numbers 0 … count − 1 that the sequence at `place` has for a purpose (empty: its tokens).
  SequenceRandom numbers(std::string_view purpose, int64_t place, int64_t count) const;

 private:
  uint64_t seed_;
  Split split_;
  int64_t index_;
};

}  // namespace waiver
