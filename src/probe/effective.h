#pragma once

#include <vector>

#include "model/transformer.h"

namespace waiver {

/// The effective encodings of a model [T, C]: what each position adds to the residual stream
/// after the first block, directly and through its MLP (2604.14722). For position p it is
///   e_p = mean over contents c of h(c, p) − the mean of these over all p,
/// h the stream after the first block with attention's part left out, and c the tokens of the
/// sequences [B·T], or their features [B·T, C], but for the padding after the `lengths` [B]: each
/// is put to every position, by moving position ids round the sequence. REQUIRES:
/// has_effective_encoding(model.config()).
std::vector<float> effective_encodings(const Transformer& model, std::span<const int32_t> sequences,
                                       std::span<const int64_t> lengths,
                                       std::span<const float> features = {});

}  // namespace waiver
