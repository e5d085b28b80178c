#include <fmt/format.h>

#include "inspect/published/decoders.h"
#include "inspect/published/links.h"
#include "inspect/published/rope.h"

namespace waiver {
namespace {

const RopeKeys kKeys{"rotary_emb_base", "rotary_pct", 0.25};

// transformers 5 calls it lm_head within, and writes embed_out.
constexpr char kEmbedOut[] = "embed_out.weight";

Json read_gpt_neox(const Published& published) {
  const HubConfig& c = published.config;
  require_causal(c);
  const int64_t width = c.count("hidden_size"), heads = c.count("num_attention_heads"),
                context = c.count("max_position_embeddings", 2048);
  if (heads == 0 || width < heads)
    c.refuse("num_attention_heads",
             fmt::format("{} heads cannot share a width of {}", heads, width));
  Json model = decoder_json({c.count("num_hidden_layers"), heads, width, context});
  if (c.flag("use_parallel_residual", true)) model["block"] = "parallel";
  model["position"] = read_rope(c, kKeys, width / heads, context);
  model["attention"] = {{"bias", c.flag("attention_bias", true) ? "all" : "none"}};
  model["mlp"] = {{"kind", read_activation(c, "hidden_act", "gelu")},
                  {"width", c.count("intermediate_size")},
                  {"bias", true}};
  model["norm"] = {{"kind", "layer"}, {"eps", c.number("layer_norm_eps", 1e-5)}};
  model["output"] = read_decoder_output(published, kEmbedOut, "gpt_neox.embed_in.weight", false);
  return model;
}

// Rows of the fused projection stand head by head: D of its queries, D of its keys, D of its
// values.
void link_heads(Links& links, const std::string& tensor, const std::string& parameter,
                const ModelConfig& m) {
  const int64_t C = m.width, H = m.heads, D = C / H;
  const bool biased = m.attention.bias == AttentionBias::all;
  for (int64_t h = 0; h < H; ++h)
    for (int64_t part = 0; part < 3; ++part) {
      const int64_t from = (3 * h + part) * D, to = (part * H + h) * D;
      links.add({tensor + ".weight", {3 * C, C}, parameter + ".weight", true, from, D, to});
      if (biased) links.add({tensor + ".bias", {3 * C}, parameter + ".bias", false, from, D, to});
    }
}

std::vector<Link> links_of_gpt_neox(const ModelConfig& m, int64_t V) {
  const int64_t C = m.width, F = m.mlp.width;
  Links links;
  links.same("gpt_neox.embed_in.weight", {V, C}, "embed.token.weight");
  for (int64_t l = 0; l < m.layers; ++l) {
    const std::string theirs = fmt::format("gpt_neox.layers.{}.", l),
                      ours = fmt::format("blocks.{}.", l);
    links.norm(theirs + "input_layernorm", C, ours + "norm1", true);
    link_heads(links, theirs + "attention.query_key_value", ours + "attn.qkv", m);
    links
        .layer(theirs + "attention.dense", C, C, ours + "attn.out",
               m.attention.bias == AttentionBias::all)
        .norm(theirs + "post_attention_layernorm", C, ours + "norm2", true)
        .layer(theirs + "mlp.dense_h_to_4h", F, C, ours + "mlp.up", true)
        .layer(theirs + "mlp.dense_4h_to_h", C, F, ours + "mlp.down", true);
  }
  links.norm("gpt_neox.final_layer_norm", C, "final.norm", true);
  if (m.gives_logits() && !m.output.tied) links.linear(kEmbedOut, V, C, "output.weight");
  return std::move(links).all();
}

Json write_gpt_neox(const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V) {
  Json c = {{"architectures", {m.gives_logits() ? "GPTNeoXForCausalLM" : "GPTNeoXModel"}},
            {"model_type", "gpt_neox"},
            {"vocab_size", V},
            {"hidden_size", m.width},
            {"num_hidden_layers", m.layers},
            {"num_attention_heads", m.heads},
            {"max_position_embeddings", m.context},
            {"intermediate_size", m.mlp.width},
            {"hidden_act", activation_name(m.mlp.kind.name())},
            {"layer_norm_eps", parse_json(text_or(texts, "norm.eps", "1e-5"))},
            {"attention_bias", m.attention.bias == AttentionBias::all},
            {"use_parallel_residual", m.block == BlockKind::parallel},
            {"tie_word_embeddings", m.output.tied}};
  if (texts.at("position") == "rope") write_rope(texts, kKeys, c);
  return c;
}

}  // namespace

Family gpt_neox_family() {
  return {"gpt_neox",
          "gpt_neox.",
          kEmbedOut,
          false,
          read_gpt_neox,
          links_of_gpt_neox,
          write_gpt_neox,
          {"*.attention.bias", "*.attention.masked_bias", "*rotary_emb.inv_freq"},
          {{kEmbedOut, "lm_head.weight"}}};
}

}  // namespace waiver
