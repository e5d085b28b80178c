#pragma once

#include <cstdint>
#include <vector>

namespace waiver {

/// How the work of a step is dealt out to ranks: passes over whole subtrees of the batch's fixed
/// parts (autograd/batch_parts.h), whose gradients are then added as one process adds them. As many
/// of the accumulated parts of a batch as there are ranks go together, one each; what is left over
/// of them, or all of too few, is split into neighbouring parts as even as can be.
struct Deal {
  struct Pass {
    int64_t rank;
    int64_t accumulated;   // which of the batch's accumulated parts
    int64_t first, count;  // a subtree of its parts
  };
  using Round = std::vector<Pass>;  // in the order of the batch
  int64_t ranks;
  std::vector<Round> rounds;

  /// `accumulate` parts of `sequences` each.
  Deal(int64_t accumulate, int64_t sequences, int64_t ranks);

  /// The k-th pass of a rank within a round; null where it has fewer.
  static const Pass* find(const Round& round, int64_t rank, int64_t k);
  /// The most passes that a rank has in a round.
  static int64_t deepest(const Round& round);
  /// How many there are in a step, each of which gives one sum of all gradients.
  int64_t passes() const;
  /// The most of a round.
  int64_t most_sums() const;
  /// How many ranks have any, and why others have not.
  int64_t busy() const;
  static constexpr char kIdle[] =
      "a step has train.accumulate parts, and a part is for as many ranks as it has sequences, "
      "eight at the most";
  /// The most sequences that one pass holds.
  int64_t most_sequences(int64_t sequences) const;
};

}  // namespace waiver
