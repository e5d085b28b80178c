#pragma once

#include "data/dataset.h"

namespace waiver {

/// What the sequences of a probe hold.
struct ProbeTokens {
  /// random: tokens drawn uniformly from the data's own (Dataset::content) wherever sequences
  /// differ, so that nothing but place and kind of token tells one from another. natural: the
  /// data's.
  enum class Content { natural, random } content = Content::natural;
  /// drop: the tokens that every sequence begins with (Dataset::front) give way to random ones, and
  /// all others stay where they are.
  enum class Bos { keep, drop } bos = Bos::keep;
};

/// The fixed probe batch: `sequences` of T tokens from the probe split, a pure function of the
/// seed. Targets follow the tokens: the next token, or what is hidden, at the places where the
/// data's batch has one. Throws UsageError where bos is to be dropped and there is none,
/// and where random tokens are wanted of data of features.
Batch probe_batch(const Dataset& data, uint64_t seed, int64_t sequences, int64_t T,
                  const ProbeTokens& tokens = {});

}  // namespace waiver
