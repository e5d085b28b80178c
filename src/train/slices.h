#pragma once

#include <span>
#include <vector>

#include "core/ranks/ranks.h"
#include "train/optimizer.h"

namespace waiver {

/// As even as the cuts allow (Optimizer::cuts).
std::vector<Slice> cut_in_slices(const std::vector<int64_t>& cuts, int64_t count);

/// A slice of the flat views of all parameters for each rank, as even as the cuts allow: what it
/// updates, and what it keeps the optimizer's state of (ZeRO stage 1, Rajbhandari et al.,
/// 1910.02054, §5.1). All functions are called by all ranks together.
class Slices {
 public:
  /// `cuts`: those of Optimizer.
  Slices(Ranks& ranks, const std::vector<int64_t>& cuts);

  const Slice& of(int64_t rank) const { return slices_[rank]; }
  const Slice& own() const { return of(ranks_.own()); }
  Ranks& ranks() const { return ranks_; }

  /// Every rank's slice of a flat view to all others.
  void spread(std::span<float> flat) const;
  /// Everyone's slice to rank 0, which returns the whole; the others return nothing.
  std::vector<float> collect(std::span<float> slice) const;
  /// Rank 0's whole to everyone's slice.
  void deal_out(std::span<float> whole, std::span<float> slice) const;

 private:
  Ranks& ranks_;
  std::vector<Slice> slices_;
};

}  // namespace waiver
