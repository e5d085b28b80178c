#pragma once

#include "core/fields/field_texts.h"
#include "inspect/published/hub_config.h"

namespace waiver {

/// The keys that a family has for RoPE before transformers 5, and the share of each head that is
/// rotated where config.json does not say.
struct RopeKeys {
  std::string base = "rope_theta";
  std::string fraction = {};  // empty: the whole head is rotated
  double missing_fraction = 1.0;
};

/// A config's `model.position`. There are two spellings: keys of their own with `rope_scaling`, and
/// since transformers 5 all within `rope_parameters`. Throws UsageError for a rule of scaling that
/// Waiver does not have; `context` is max_position_embeddings.
Json read_rope(const HubConfig& config, const RopeKeys& keys, int64_t head_width, int64_t context);

/// Adds the keys of such a position to a config.json, in the older spelling, which all read.
void write_rope(const FieldTexts::Texts& model, const RopeKeys& keys, Json& config);

}  // namespace waiver
