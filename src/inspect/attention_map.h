#pragma once

#include <cstdint>
#include <string>

#include "inspect/saved.h"
#include "probe/captured_pass.h"

namespace waiver {

/// The attention weights of one head on the first sequence as text, a row for each query, and
/// beside them, or below where `width` is too narrow (0: 80), the same weighted by the norms of the
/// values: A_ij ‖v_j‖ ÷ Σ_k A_ik ‖v_k‖ (after Kobayashi et al., 2004.10102, without W_O). Of a long
/// sequence, only the tokens that receive the most. REQUIRES: attn.qkv, attn.scores and
/// attn.pattern of the layer were captured.
std::string attention_map(const SavedModel& saved, const CapturedPass& pass, int64_t layer,
                          int64_t head, int64_t width = 0);

}  // namespace waiver
