#pragma once

#include <string>

#include "inspect/published/family.h"

namespace waiver {

// What the families of decoders share.

/// The output layer of most.
inline constexpr char kLmHead[] = "lm_head.weight";

struct DecoderSizes {
  int64_t layers = 0, heads = 0, width = 0, context = 0;
};
/// The sizes of a config's block `model`.
Json decoder_json(const DecoderSizes& sizes);

/// Throws UsageError where a decoder's queries see later tokens.
void require_causal(const HubConfig& config);

/// Its block `output`: hidden where the tensors have no head and none is promised.
Json read_decoder_output(const Published& model, const std::string& head,
                         const std::string& embedding, bool tied_by_default);

/// The activation of an MLP of two layers by transformers' name for it. Throws UsageError for
/// another.
std::string read_activation(const HubConfig& config, const std::string& key,
                            const std::string& missing);
/// The other way; empty where there is none.
std::string activation_name(const std::string& mlp);

/// One of a model's settings as text, or what stands in where the model has no such setting.
std::string text_or(const FieldTexts::Texts& texts, const std::string& key,
                    const std::string& missing);
int64_t window_of(const FieldTexts::Texts& texts);

}  // namespace waiver
