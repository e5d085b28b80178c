#include <fmt/format.h>

#include <algorithm>

#include "inspect/published/decoders.h"
#include "inspect/published/links.h"
#include "inspect/published/rope.h"

namespace waiver {
namespace {

// What Llama, Qwen2 and Mistral differ in.
struct Kin {
  const char* name;
  const char* architecture;  // without ForCausalLM or Model
  int64_t kv_heads;          // where num_key_value_heads is absent; 0: as many as heads
};
constexpr Kin kLlama{"llama", "Llama", 0}, kQwen2{"qwen2", "Qwen2", 32},
    kMistral{"mistral", "Mistral", 8};

// Of Qwen2: only layers from max_window_layers on have the window; layer_types names each.
int64_t read_window_of_qwen2(const HubConfig& c, int64_t layers) {
  if (!c.flag("use_sliding_window", false)) return 0;
  const std::vector<std::string> types = c.words("layer_types");
  int64_t windowed = layers - std::min(c.count("max_window_layers", 28), layers);
  if (!types.empty()) windowed = std::ranges::count(types, "sliding_attention");
  if (windowed == 0) return 0;
  if (windowed < layers)
    c.refuse("use_sliding_window",
             fmt::format("{} of {} layers have a window, but here all layers have the same mask",
                         windowed, layers));
  return c.count("sliding_window", 4096);
}

int64_t read_window(const HubConfig& c, const Kin& kin, int64_t layers) {
  if (kin.name == kQwen2.name) return read_window_of_qwen2(c, layers);
  if (kin.name != kMistral.name) return 0;
  return c.states("sliding_window") ? c.count("sliding_window", 0) : 4096;
}

Json read_kin(const Published& published, const Kin& kin) {
  const HubConfig& c = published.config;
  require_causal(c);
  const int64_t width = c.count("hidden_size"), heads = c.count("num_attention_heads"),
                context =
                    c.count("max_position_embeddings", kin.name == kLlama.name ? 2048 : 32768),
                layers = c.count("num_hidden_layers");
  if (heads == 0) c.refuse("num_attention_heads", "a model without heads has no attention");
  if (width % heads != 0)
    c.refuse("hidden_size", fmt::format("{} is not a multiple of the {} heads", width, heads));
  const int64_t kv_heads =
      c.count("num_key_value_heads",
              kin.kv_heads > 0 && !c.states("num_key_value_heads") ? kin.kv_heads : heads);
  const int64_t head_width = c.count("head_dim", width / heads);
  if (head_width == 0) c.refuse("hidden_size", "it is less than num_attention_heads");
  if (const std::string act = c.word("hidden_act", "silu"); act != "silu" && act != "swish")
    c.refuse("hidden_act", fmt::format("'{}' is not offered for gated MLPs; silu is", act));
  const bool biased = kin.name == kLlama.name && c.flag("attention_bias", false);
  Json model = decoder_json({layers, heads, width, context});
  if (kv_heads != heads) model["kv_heads"] = kv_heads;
  if (head_width * heads != width) model["head_width"] = head_width;
  model["position"] = read_rope(c, {}, head_width, context);
  model["attention"] = {{"mask", {{"kind", "causal"}, {"window", read_window(c, kin, layers)}}},
                        {"bias", kin.name == kQwen2.name ? "qkv"
                                 : biased                ? "all"
                                                         : "none"}};
  model["mlp"] = {{"kind", "swiglu"},
                  {"width", c.count("intermediate_size")},
                  {"bias", kin.name == kLlama.name && c.flag("mlp_bias", false)}};
  model["norm"] = {{"kind", "rms"}, {"eps", c.number("rms_norm_eps", 1e-6)}};
  model["output"] = read_decoder_output(published, kLmHead, "model.embed_tokens.weight", false);
  return model;
}

std::vector<Link> links_of_llama(const ModelConfig& m, int64_t V) {
  const int64_t C = m.width, D = m.channels_per_head(), Q = m.heads * D, K = m.key_heads() * D,
                F = m.mlp.width;
  const bool biased = m.attention.bias != AttentionBias::none;
  Links links;
  links.same("model.embed_tokens.weight", {V, C}, "embed.token.weight");
  for (int64_t l = 0; l < m.layers; ++l) {
    const std::string theirs = fmt::format("model.layers.{}.", l),
                      ours = fmt::format("blocks.{}.", l);
    const std::string attention = theirs + "self_attn.";
    links.norm(theirs + "input_layernorm", C, ours + "norm1", false)
        .layer(attention + "q_proj", Q, C, ours + "attn.qkv", biased, 0)
        .layer(attention + "k_proj", K, C, ours + "attn.qkv", biased, Q)
        .layer(attention + "v_proj", K, C, ours + "attn.qkv", biased, Q + K)
        .layer(attention + "o_proj", C, Q, ours + "attn.out",
               m.attention.bias == AttentionBias::all)
        .norm(theirs + "post_attention_layernorm", C, ours + "norm2", false)
        .layer(theirs + "mlp.gate_proj", F, C, ours + "mlp.gate", m.mlp.bias)
        .layer(theirs + "mlp.up_proj", F, C, ours + "mlp.up", m.mlp.bias)
        .layer(theirs + "mlp.down_proj", C, F, ours + "mlp.down", m.mlp.bias);
  }
  links.norm("model.norm", C, "final.norm", false);
  if (m.gives_logits() && !m.output.tied) links.linear(kLmHead, V, C, "output.weight");
  return std::move(links).all();
}

Json write_kin(const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V, const Kin& kin) {
  Json c = {{"architectures",
             {kin.architecture + std::string(m.gives_logits() ? "ForCausalLM" : "Model")}},
            {"model_type", kin.name}};
  c["vocab_size"] = V;
  c["hidden_size"] = m.width;
  c["intermediate_size"] = m.mlp.width;
  c["num_hidden_layers"] = m.layers;
  c["num_attention_heads"] = m.heads;
  c["num_key_value_heads"] = m.key_heads();
  c["head_dim"] = m.channels_per_head();
  c["hidden_act"] = "silu";
  c["max_position_embeddings"] = m.context;
  c["rms_norm_eps"] = parse_json(text_or(texts, "norm.eps", "1e-6"));
  if (kin.name == kLlama.name) {
    c["attention_bias"] = m.attention.bias == AttentionBias::all;
    c["mlp_bias"] = m.mlp.bias;
  }
  if (const int64_t window = window_of(texts); window > 0) c["sliding_window"] = window;
  if (kin.name == kQwen2.name && window_of(texts) > 0) {
    c["use_sliding_window"] = true;
    c["max_window_layers"] = 0;
  }
  if (kin.name == kMistral.name && window_of(texts) == 0) c["sliding_window"] = nullptr;
  if (texts.at("position") == "rope") write_rope(texts, {}, c);
  c["tie_word_embeddings"] = m.output.tied;
  return c;
}

template <const Kin& kin>
Family kin_family() {
  return {kin.name,
          "model.",
          kLmHead,
          false,
          [](const Published& published) { return read_kin(published, kin); },
          links_of_llama,
          [](const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V) {
            return write_kin(m, texts, V, kin);
          },
          {"*rotary_emb.inv_freq"}};
}

}  // namespace

Family llama_family() { return kin_family<kLlama>(); }
Family qwen2_family() { return kin_family<kQwen2>(); }
Family mistral_family() { return kin_family<kMistral>(); }

}  // namespace waiver
