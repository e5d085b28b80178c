#include "inspect/published/decoders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/error.h"

namespace waiver {
namespace {

/// An activation by transformers' names for it, the first of which is written.
struct Activations {
  const char* ours;
  std::vector<std::string> theirs;
};
const std::array<Activations, 3>& activations() {
  static const std::array<Activations, 3> all = {
      {{"gelu", {"gelu", "gelu_python"}},
       {"gelu_tanh",
        {"gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python_tanh", "gelu_accurate"}},
       {"relu", {"relu"}}}};
  return all;
}

}  // namespace

bool Published::has_head(const std::string& head, bool tied_by_default) const {
  const std::vector<std::string> named = config.words("architectures");
  if (named.empty())
    return tensors.has(head) || (tied_by_default && config.flag("tie_word_embeddings", true));
  return std::ranges::any_of(named, [](const std::string& name) {
    return name.find("LMHead") != name.npos || name.find("ForCausalLM") != name.npos ||
           name.find("ForMaskedLM") != name.npos;
  });
}

bool Published::tied(const std::string& head, const std::string& embedding,
                     bool tied_by_default) const {
  if (!config.flag("tie_word_embeddings", tied_by_default)) return false;
  return !tensors.has(head) || tensors.same(head, embedding);
}

Json decoder_json(const DecoderSizes& sizes) {
  return {{"layers", sizes.layers},
          {"heads", sizes.heads},
          {"width", sizes.width},
          {"context", sizes.context}};
}

void require_causal(const HubConfig& config) {
  if (!config.flag("is_causal", true))
    config.refuse("is_causal", "decoders are read as causal models only");
}

Json read_decoder_output(const Published& model, const std::string& head,
                         const std::string& embedding, bool tied_by_default) {
  if (!model.has_head(head, tied_by_default)) return {{"kind", "hidden"}};
  return {{"tied", model.tied(head, embedding, tied_by_default)}};
}

std::string read_activation(const HubConfig& config, const std::string& key,
                            const std::string& missing) {
  const std::string name = config.word(key, missing);
  std::vector<std::string> known;
  for (const Activations& one : activations()) {
    if (std::ranges::count(one.theirs, name) > 0) return one.ours;
    known.insert(known.end(), one.theirs.begin(), one.theirs.end());
  }
  config.refuse(key, fmt::format("'{}' is not an activation that Waiver has", name),
                fmt::format("It has {}.", fmt::join(known, ", ")));
}

std::string activation_name(const std::string& mlp) {
  for (const Activations& one : activations())
    if (one.ours == mlp) return one.theirs.front();
  return {};
}

std::string text_or(const FieldTexts::Texts& texts, const std::string& key,
                    const std::string& missing) {
  const auto at = texts.find(key);
  return at == texts.end() ? missing : at->second;
}

int64_t window_of(const FieldTexts::Texts& texts) {
  return parse_json(text_or(texts, "attention.mask.window", "0")).get<int64_t>();
}

}  // namespace waiver
