#pragma once

#include <memory>

#include "data/dataset.h"
#include "data/token_file.h"

namespace waiver {

/// The dataset whose sequences are these, in order and again from the first, whatever the split.
/// Each target is the token that follows, and −1 at the end, at padding, and for tokens below
/// `given`, the length of a prefix; where the data masks tokens, none is masked here, and there is
/// no target. All else is the data's. REQUIRES: `data` is open and of tokens, the ids are its own,
/// and batches have tokens.length tokens.
std::unique_ptr<Dataset> given_sequences(std::unique_ptr<Dataset> data, TokenArray tokens,
                                         int64_t given);

}  // namespace waiver
