#include <fmt/format.h>

#include <algorithm>

#include "inspect/published/decoders.h"
#include "inspect/published/links.h"

namespace waiver {
namespace {

// What BERT and RoBERTa differ in.
struct EncoderKin {
  const char* name;
  const char* prefix;
  // Of the masked-token head: dense layer, norm and logits.
  const char *dense, *norm, *head, *bias, *other_bias;
  int64_t padding;  // the id that pad_token_id has by default
};
constexpr EncoderKin kBert{"bert",
                           "bert.",
                           "cls.predictions.transform.dense",
                           "cls.predictions.transform.LayerNorm",
                           "cls.predictions.decoder.weight",
                           "cls.predictions.decoder.bias",
                           "cls.predictions.bias",
                           0},
    kRoberta{"roberta",
             "roberta.",
             "lm_head.dense",
             "lm_head.layer_norm",
             "lm_head.decoder.weight",
             "lm_head.decoder.bias",
             "lm_head.bias",
             1};

bool is_roberta(const EncoderKin& kin) { return kin.name == kRoberta.name; }

// RoBERTa's first positions belong to the padding: a text begins at the one after its id.
int64_t unused_positions(const EncoderKin& kin, int64_t padding) {
  return is_roberta(kin) ? padding + 1 : 0;
}

void refuse_variants(const HubConfig& c) {
  if (const std::string kind = c.word("position_embedding_type", "absolute"); kind != "absolute")
    c.refuse("position_embedding_type", fmt::format("'{}' is not offered; absolute is", kind));
  for (const char* key : {"is_decoder", "add_cross_attention"})
    if (c.flag(key, false)) c.refuse(key, "encoders only are read of this family");
}

Json read_head(const Published& published, const EncoderKin& kin, const std::string& activation) {
  if (!published.has_head(std::string(kin.dense) + ".weight", false)) return {{"kind", "hidden"}};
  return {
      {"transform", is_roberta(kin) ? "gelu" : activation},
      {"tied", published.tied(kin.head,
                              std::string(kin.prefix) + "embeddings.word_embeddings.weight", true)},
      {"bias", true}};
}

Json read_encoder(const Published& published, const EncoderKin& kin) {
  const HubConfig& c = published.config;
  refuse_variants(c);
  // Without one, no token is padding; RoBERTa's positions need it.
  const bool none = c.states("pad_token_id") && !c.has("pad_token_id");
  if (none && is_roberta(kin))
    c.refuse("pad_token_id", "positions are counted from it, so it is needed");
  const int64_t padding = none ? -1 : c.count("pad_token_id", kin.padding),
                positions = c.count("max_position_embeddings", 512),
                unused = unused_positions(kin, padding);
  if (positions <= unused)
    c.refuse("max_position_embeddings", fmt::format("{} leave none for a text", positions));
  Json model = decoder_json({c.count("num_hidden_layers"), c.count("num_attention_heads"),
                             c.count("hidden_size"), positions - unused});
  const std::string activation = read_activation(c, "hidden_act", "gelu");
  model["token_types"] = {{"count", c.count("type_vocab_size", 2)}};
  model["position"] = "learned";
  model["attention"] = {{"mask", {{"kind", "bidirectional"}, {"padding", padding}}},
                        {"bias", "all"}};
  model["mlp"] = {{"kind", activation}, {"width", c.count("intermediate_size")}, {"bias", true}};
  model["norm"] = {{"kind", "layer"},
                   {"place", "post"},
                   {"embedding", true},
                   {"eps", c.number("layer_norm_eps", 1e-12)}};
  model["output"] = read_head(published, kin, activation);
  return model;
}

void link_encoder_layer(Links& links, const std::string& theirs, const std::string& ours,
                        const ModelConfig& m) {
  const int64_t C = m.width, F = m.mlp.width;
  int64_t to = 0;
  for (const char* part : {"query", "key", "value"}) {
    links.layer(theirs + "attention.self." + part, C, C, ours + "attn.qkv", true, to);
    to += C;
  }
  links.layer(theirs + "attention.output.dense", C, C, ours + "attn.out", true)
      .norm(theirs + "attention.output.LayerNorm", C, ours + "norm1", true)
      .layer(theirs + "intermediate.dense", F, C, ours + "mlp.up", true)
      .layer(theirs + "output.dense", C, F, ours + "mlp.down", true)
      .norm(theirs + "output.LayerNorm", C, ours + "norm2", true);
}

std::vector<Link> links_of_encoder(const ModelConfig& m, int64_t V, const EncoderKin& kin) {
  const int64_t C = m.width, unused = unused_positions(kin, m.attention.mask->padding());
  const std::string base = kin.prefix, embeddings = base + "embeddings.";
  Links links;
  links.same(embeddings + "word_embeddings.weight", {V, C}, "embed.token.weight")
      .add({embeddings + "position_embeddings.weight",
            {unused + m.context, C},
            "embed.position.weight",
            false,
            unused,
            m.context,
            0})
      .norm(embeddings + "LayerNorm", C, "embed.norm", true);
  if (m.token_types.count > 0)
    links.same(embeddings + "token_type_embeddings.weight", {m.token_types.count, C},
               "embed.token_type.weight");
  for (int64_t l = 0; l < m.layers; ++l)
    link_encoder_layer(links, fmt::format("{}encoder.layer.{}.", base, l),
                       fmt::format("blocks.{}.", l), m);
  if (!m.gives_logits()) return std::move(links).all();
  links.layer(kin.dense, C, C, "output.transform", true)
      .norm(kin.norm, C, "output.norm", true)
      .bias(kin.bias, V, "output.bias");
  if (!m.output.tied) links.linear(kin.head, V, C, "output.weight");
  return std::move(links).all();
}

Json write_encoder(const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V,
                   const EncoderKin& kin) {
  const std::string name = is_roberta(kin) ? "Roberta" : "Bert";
  const int64_t padding = m.attention.mask->padding();
  return {
      {"architectures", {name + (m.gives_logits() ? "ForMaskedLM" : "Model")}},
      {"model_type", kin.name},
      {"vocab_size", V},
      {"hidden_size", m.width},
      {"num_hidden_layers", m.layers},
      {"num_attention_heads", m.heads},
      {"intermediate_size", m.mlp.width},
      {"hidden_act", activation_name(m.mlp.kind.name())},
      {"max_position_embeddings", m.context + unused_positions(kin, padding)},
      {"type_vocab_size", std::max<int64_t>(1, m.token_types.count)},  // 0 would be refused there
      {"layer_norm_eps", parse_json(text_or(texts, "norm.eps", "1e-12"))},
      {"pad_token_id", padding >= 0 ? Json(padding) : Json()},
      {"tie_word_embeddings", m.output.tied}};
}

template <const EncoderKin& kin>
Family encoder_family() {
  return {kin.name,
          kin.prefix,
          kin.head,
          true,
          [](const Published& published) { return read_encoder(published, kin); },
          [](const ModelConfig& m, int64_t V) { return links_of_encoder(m, V, kin); },
          [](const ModelConfig& m, const FieldTexts::Texts& texts, int64_t V) {
            return write_encoder(m, texts, V, kin);
          },
          {"*embeddings.position_ids", "*pooler.dense.*", "cls.seq_relationship.*"},
          {{"LayerNorm.weight", "LayerNorm.gamma"},
           {"LayerNorm.bias", "LayerNorm.beta"},
           {kin.bias, kin.other_bias, true}}};
}

}  // namespace

Family bert_family() { return encoder_family<kBert>(); }
Family roberta_family() { return encoder_family<kRoberta>(); }

}  // namespace waiver
