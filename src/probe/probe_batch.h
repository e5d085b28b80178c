#pragma once

#include "data/dataset.h"

namespace waiver {

/// What the sequences of a probe contain.
struct ProbeTokens {
  /// random: tokens drawn uniformly from the data's own (Dataset::content) wherever sequences
  /// differ, so that nothing but place and kind distinguishes one token from another. natural: the
  /// data's own.
  enum class Content { natural, random } content = Content::natural;
  /// drop: the tokens that every sequence begins with (Dataset::front) are replaced by random ones,
  /// and all others stay where they are.
  enum class Bos { keep, drop } bos = Bos::keep;
};

/// The fixed probe batch: `sequences` of T tokens from the probe split, a pure function of the
/// seed. Targets follow the tokens: the next token, or the masked one, at the places where the
/// data's batch has a target. Padding and special tokens stay where they are. Throws UsageError
/// where bos is to be dropped and there is none, where random tokens are wanted from data with
/// features, and where a sequence is nothing but padding.
Batch probe_batch(const Dataset& data, uint64_t seed, int64_t sequences, int64_t T,
                  const ProbeTokens& tokens = {});

/// A token as people read it, in UTF-8: a single byte that is not a character is `\xff`.
std::string token_text(const Dataset& data, int32_t token);

}  // namespace waiver
