#include <fmt/format.h>

#include "inspect/published/decoders.h"
#include "inspect/published/links.h"

namespace waiver {
namespace {

Json read_gpt2(const Published& published) {
  const HubConfig& c = published.config;
  require_causal(c);
  if (!c.flag("scale_attn_weights", true))
    c.refuse("scale_attn_weights", "scores are divided by √D here");
  if (c.flag("scale_attn_by_inverse_layer_idx", false))
    c.refuse("scale_attn_by_inverse_layer_idx", "scores are scaled alike in all layers here");
  if (c.flag("add_cross_attention", false))
    c.refuse("add_cross_attention", "there is no attention to another text here");
  const int64_t width = c.count("n_embd");
  Json model =
      decoder_json({c.count("n_layer"), c.count("n_head"), width, c.count("n_positions", 1024)});
  model["position"] = "learned";
  model["attention"] = {{"bias", "all"}};
  model["mlp"] = {{"kind", read_activation(c, "activation_function", "gelu_new")},
                  {"width", c.count("n_inner", 4 * width)},
                  {"bias", true}};
  model["norm"] = {{"kind", "layer"}, {"eps", c.number("layer_norm_epsilon", 1e-5)}};
  model["output"] = read_decoder_output(published, kLmHead, "transformer.wte.weight", true);
  return model;
}

// Matrices are stored as Conv1D: [in, out], as here.
std::vector<Link> links_of_gpt2(const ModelConfig& m, int64_t V) {
  const int64_t C = m.width, F = m.mlp.width;
  Links links;
  links.same("transformer.wte.weight", {V, C}, "embed.token.weight")
      .same("transformer.wpe.weight", {m.context, C}, "embed.position.weight");
  const auto conv = [&](const std::string& theirs, int64_t in, int64_t out,
                        const std::string& ours) {
    links.same(theirs + ".weight", {in, out}, ours + ".weight")
        .same(theirs + ".bias", {out}, ours + ".bias");
  };
  for (int64_t l = 0; l < m.layers; ++l) {
    const std::string theirs = fmt::format("transformer.h.{}.", l),
                      ours = fmt::format("blocks.{}.", l);
    links.norm(theirs + "ln_1", C, ours + "norm1", true);
    conv(theirs + "attn.c_attn", C, 3 * C, ours + "attn.qkv");
    conv(theirs + "attn.c_proj", C, C, ours + "attn.out");
    links.norm(theirs + "ln_2", C, ours + "norm2", true);
    conv(theirs + "mlp.c_fc", C, F, ours + "mlp.up");
    conv(theirs + "mlp.c_proj", F, C, ours + "mlp.down");
  }
  links.norm("transformer.ln_f", C, "final.norm", true);
  if (m.gives_logits() && !m.output.tied) links.linear(kLmHead, V, C, "output.weight");
  return std::move(links).all();
}

Json write_gpt2(const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V) {
  return {{"architectures", {m.gives_logits() ? "GPT2LMHeadModel" : "GPT2Model"}},
          {"model_type", "gpt2"},
          {"vocab_size", V},
          {"n_embd", m.width},
          {"n_layer", m.layers},
          {"n_head", m.heads},
          {"n_positions", m.context},
          {"n_inner", m.mlp.width},
          {"activation_function", activation_name(m.mlp.kind.name())},
          {"layer_norm_epsilon", parse_json(text_or(texts, "norm.eps", "1e-5"))},
          {"tie_word_embeddings", m.output.tied}};
}

}  // namespace

Family gpt2_family() {
  return {"gpt2",    "transformer.", kLmHead,    false,
          read_gpt2, links_of_gpt2,  write_gpt2, {"*.attn.bias", "*.attn.masked_bias"}};
}

}  // namespace waiver
