#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/fields/field_texts.h"

namespace waiver {

std::span<const Choice> words(InputKind) {
  static constexpr Choice all[] = {
      {"tokens", "an embedding of each token; the output is logits over the vocabulary"},
      {"features",
       "the data's real-valued features, as wide as the residual stream, without an embedding; the "
       "output is that stream itself (Ran-Milo, 2603.11487)"}};
  return all;
}

std::span<const Choice> words(Precision) {
  static constexpr Choice all[] = {
      {"float32", "as they are"},
      {"bfloat16",
       "rounded to nearest even, forward and backward; they are summed in float32, and everything "
       "else stays float32"}};
  return all;
}

std::span<const Choice> words(BlockKind) {
  static constexpr Choice all[] = {
      {"sequential", "attention joins the residual stream, then the MLP (1706.03762)"},
      {"parallel",
       "x + attention(norm1(x)) + mlp(norm2(x)): both see the same stream (GPT-NeoX, 2204.06745, "
       "§2.1)"}};
  return all;
}

std::span<const Choice> words(AttentionBias) {
  static constexpr Choice all[] = {
      {"none", "no projection has one", "false"},
      {"all", "the query, key, value and output projections", "true"},
      {"qkv", "the query, key and value projections, not that of the output (Qwen2, 2407.10671)"}};
  return all;
}

std::span<const Choice> words(OutputTransform) {
  static constexpr Choice all[] = {{"none", "no such layer", "false"},
                                   {"relu", "max(0, x)"},
                                   {"gelu", "x Φ(x), exact", "true"},
                                   {"gelu_tanh", "GELU's tanh form"}};
  return all;
}

std::span<const Choice> words(OutputKind) {
  static constexpr Choice all[] = {
      {"logits", "logits over the vocabulary"},
      {"hidden",
       "the residual stream itself, after the last norm: an encoder without a head, which can be "
       "probed, but neither trained nor given a loss"}};
  return all;
}

std::span<const Choice> words(ScoreScale) {
  static constexpr Choice all[] = {{"sqrt", "q·k / √D, D the head width (1706.03762)"},
                                   {"none", "q·k (Ran-Milo, 2603.11487)"}};
  return all;
}

std::span<const Choice> words(NormPlace) {
  static constexpr Choice all[] = {
      {"pre", "x + f(norm(x)) for attention and MLP f, and once before the output (GPT-2)"},
      {"post", "norm(x + f(x)), and none before the output (Vaswani et al., 1706.03762)"},
      {"sandwich",
       "x + norm_out(f(norm(x))), and once before the output (Ding et al., 2105.13290)"}};
  return all;
}

void AttentionConfig::visit(FieldVisitor& v) {
  v.field({"mask", "which keys a query sees"}, mask);
  v.field({"normalizer", "how scores become weights"}, normalizer);
  v.field({"slot", "an extra key that belongs to no token and that every query sees"}, slot);
  v.field({"scale", "what the products of queries and keys are divided by"}, scale);
  v.field({"bias", "which projections have biases"}, bias);
  v.field({"qk_norm", "normalisation of each head's queries and keys, before rope"}, qk_norm);
  v.field({"gate", "what gates the heads' outputs before the output projection"}, gate);
  v.field({"absent", "layers, counted from 0, without attention", at_least(0)}, absent);
}

void MlpConfig::visit(FieldVisitor& v) {
  kind.visit_within(v, {"kind", "what the MLP does to each token"});
  const Condition present = kind.where("kind", [](const Mlp& mlp) { return mlp.present(); });
  v.field(Field{"width", "hidden width of the MLP", at_least(1)}.only(present), width);
  v.field(Field{"bias", "biases in the layers of the MLP"}.only(present), bias);
  v.field(Field{"absent", "layers, counted from 0, without an MLP", at_least(0)}.only(present),
          absent);
}

void NormConfig::visit(FieldVisitor& v) {
  kind.visit_within(v, {"kind", "normalisation of the residual stream"});
  const Condition present = kind.where("kind", [](const Norm& norm) { return norm.present(); });
  v.field(Field{"place", "where the norms are applied"}.only(present), place);
  v.field(Field{"embedding",
                "whether there is one of the embeddings, with all that is added to them (BERT, "
                "1810.04805 and its code)"}
              .only(present),
          embedding);
  v.field(Field{"final", "whether there is one before the output (2606.08105: none)"}.only(present),
          final);
}

void OutputConfig::visit(FieldVisitor& v) {
  v.field({"kind", "what the model makes of the residual stream"}, kind);
  const Condition logits = where("kind", kind, {OutputKind::logits});
  v.field(
      Field{"transform",
            "the activation of a dense layer of the residual stream's width, with a bias, which "
            "comes before the output layer and is followed by a norm (BERT's masked-token head, "
            "1810.04805 and its code)"}
          .only(logits),
      transform);
  v.field(Field{"tied",
                "whether the output layer is the token embedding, transposed (Press and Wolf, "
                "1608.05859)"}
              .only(logits),
          tied);
  v.field(Field{"bias", "a bias on the logits"}.only(logits), bias);
}

void DropoutConfig::visit(FieldVisitor& v) {
  v.field({"attention",
           "share of attention weights dropped in training (Srivastava et al., JMLR 2014; Vaswani "
           "et al., 1706.03762)",
           from_below(0, 1)},
          attention);
  v.field({"residual",
           "share dropped in training of what attention and MLP add to the residual stream "
           "(1706.03762)",
           from_below(0, 1)},
          residual);
  v.field({"embedding",
           "share of the embeddings, with their encoding, dropped in training (1706.03762)",
           from_below(0, 1)},
          embedding);
}

void TokenTypesConfig::visit(FieldVisitor& v) {
  v.field({"count", "how many types there are; 0: none", between(0, 64)}, count);
  v.field({"separator",
           "the id of the token after which the next type begins; -1: all tokens have the first "
           "type",
           at_least(-1)},
          separator);
}

void DedicatedConfig::visit(FieldVisitor& v) {
  v.field({"count", "how many: as many as data.dedicated puts into a sequence", between(0, 64)},
          count);
  v.field({"into", "where the vectors are added"}, into);
  v.field({"std", "standard deviation of the initial vectors (0.02 in 2606.08105)", at_least(0)},
          std);
}

void ModelConfig::visit(FieldVisitor& v) {
  v.field({"layers", "transformer blocks", between(1, 1024)}, layers);
  v.field({"heads", "attention heads per block", between(1, 1024)}, heads);
  v.field({"kv_heads",
           "heads of keys and values, each shared by as many query heads next to each other "
           "(Ainslie et al., 2305.13245); 0: one for each query head",
           between(0, 1024)},
          kv_heads);
  v.field(
      {"head_width", "channels of every query, key and value; 0: width ÷ heads", between(0, 65536)},
      head_width);
  v.field({"width", "width of the residual stream", between(1, 65536)}, width);
  v.field({"context", "tokens per sequence (T)", between(2, 1 << 20)}, context);
  v.field({"input", "what the model takes, and hence what it outputs"}, input);
  v.field({"sink_tokens",
           "learned tokens prepended to every sequence, seen by every query; they see only each "
           "other, and nothing is predicted from them (Xiao et al., 2309.17453)",
           between(0, 64)},
          sink_tokens);
  v.field({"token_types",
           "learned vectors, added to the embeddings, that say which part of a sequence a token "
           "belongs to: type n after n separators, the last type after more (BERT, 1810.04805, "
           "§3)"},
          token_types);
  v.field({"dedicated", "learned vectors that stand in for the features of dedicated tokens"},
          dedicated);
  v.field({"block", "how attention and MLP of a block follow each other"}, block);
  v.field({"residual",
           "whether attention and MLP, f, yield x + f(x) (He et al., 1512.03385) or f(x) alone"},
          residual);
  v.field({"precision",
           "what the inputs of matrix products are, attention's included, in training, evaluation "
           "and probes"},
          precision);
  v.field({"position", "how tokens know their positions; also a list with one encoding per layer"},
          position);
  v.field({"attention", "attention"}, attention);
  v.field({"mlp", "the perceptron"}, mlp);
  v.field({"norm", "normalisation"}, norm);
  v.field({"output", "from the residual stream to logits"}, output);
  v.field({"dropout", "dropout, in training only"}, dropout);
  v.field({"init", "initial weights"}, init);
}

namespace {

bool contains(const std::vector<int64_t>& list, int64_t layer) {
  return std::find(list.begin(), list.end(), layer) != list.end();
}

// What is wrong with a list of layers that lack a branch.
void check_absent(const std::string& key, const std::vector<int64_t>& absent, int64_t layers,
                  std::vector<ModelConfig::Misfit>& out) {
  for (size_t i = 0; i < absent.size(); ++i) {
    if (absent[i] >= layers)
      out.push_back({key,
                     fmt::format("there is no layer {}; model.layers is {}", absent[i], layers),
                     "Layers count from 0."});
    if (std::find(absent.begin(), absent.begin() + i, absent[i]) != absent.begin() + i)
      out.push_back({key, fmt::format("layer {} is named twice", absent[i]), ""});
  }
}

// What is wrong with the encoding of one layer, or of all of them.
std::string refuse_position(const ModelConfig& model, int64_t layer) {
  const Kind<PositionEncoding>& kind = model.position.of_layer(layer);
  if (std::string reason = kind->refuse(model.encoding_sizes(kind->acts())); !reason.empty())
    return reason;
  if (model.position.count() == 0) return {};
  if (kind->acts() == Acts::on_embeddings)
    return fmt::format("{} acts on the embeddings, before any layer, and cannot be in a list",
                       kind.name());
  if (acts_in_layers(kind->acts()) && !model.has_attention(layer))
    return fmt::format("layer {} has {}, but no attention for it to act in", layer, kind.name());
  return {};
}

void check_positions(const ModelConfig& model, std::vector<ModelConfig::Misfit>& out) {
  const auto count = static_cast<int64_t>(model.position.count());
  if (count > 0 && count != model.layers) {
    out.push_back({"model.position",
                   fmt::format("the list has {} encoding{}, but model.layers is {}", count,
                               count == 1 ? "" : "s", model.layers),
                   "A list has one per layer."});
    return;
  }
  for (int64_t layer = 0; layer < std::max<int64_t>(count, 1); ++layer)
    if (std::string reason = refuse_position(model, layer); !reason.empty())
      out.push_back({count > 0 ? fmt::format("model.position[{}]", layer) : "model.position",
                     reason, count > 0 ? "The list counts layers from 0." : ""});
}

// Settings of attention where no layer has any. A prefix is given, not predicted, even then.
void check_without_attention(const ModelConfig& model, std::vector<ModelConfig::Misfit>& out) {
  const FieldTexts::Texts plain = FieldTexts::of(AttentionConfig{});
  const char* what = "no layer has attention, so this would change nothing";
  const std::set<std::string> used = {"absent", "mask.prefix"};
  for (const auto& [key, text] : FieldTexts::of(model.attention))
    if (const auto at = plain.find(key);
        !used.contains(key) && at != plain.end() && at->second != text)
      out.push_back({"model.attention." + key, what, ""});
  if (model.sink_tokens > 0) out.push_back({"model.sink_tokens", what, ""});
  if (model.kv_heads > 0) out.push_back({"model.kv_heads", what, ""});
  if (model.head_width > 0) out.push_back({"model.head_width", what, ""});
  if (model.dropout.attention > 0) out.push_back({"model.dropout.attention", what, ""});
}

bool has_no_mlp(const ModelConfig& model) {
  for (int64_t l = 0; l < model.layers; ++l)
    if (model.has_mlp(l)) return false;
  return model.mlp.kind->present();
}

// Settings that need tokens, where the model takes features.
void check_features(const ModelConfig& model, std::vector<ModelConfig::Misfit>& out) {
  const auto refuse = [&](const char* key, const char* what) {
    out.push_back({key, fmt::format("{}, but model.input is features", what), ""});
  };
  if (model.output.tied) refuse("model.output.tied", "the output is tied to a token embedding");
  if (model.output.bias) refuse("model.output.bias", "the bias is on logits of tokens");
  if (model.output.kind == OutputKind::hidden)
    refuse("model.output.kind", "the output is that stream anyway");
  if (model.output.transform != OutputTransform::none)
    refuse("model.output.transform", "there is no output layer");
  if (model.attention.mask->separator() >= 0)
    refuse("model.attention.mask.separator", "documents are separated by a token");
  if (model.token_types.count > 0) refuse("model.token_types", "tokens have types");
}

void check_parallel(const ModelConfig& model, std::vector<ModelConfig::Misfit>& out) {
  const auto refuse = [&](const char* key, const char* what) {
    out.push_back({key, fmt::format("{}, but model.block is parallel", what), ""});
  };
  if (!model.residual)
    refuse("model.residual", "without the stream the second branch would be all");
  if (model.norm.kind->present() && model.norm.place == NormPlace::post)
    refuse("model.norm.place", "post normalises after each branch");
}

}  // namespace

float ModelConfig::score_scale() const {
  return attention.scale == ScoreScale::sqrt
             ? 1.0f / std::sqrt(static_cast<float>(channels_per_head()))
             : 1.0f;
}

bool ModelConfig::has_attention(int64_t layer) const { return !contains(attention.absent, layer); }

bool ModelConfig::has_mlp(int64_t layer) const {
  return mlp.kind->present() && !contains(mlp.absent, layer);
}

std::vector<ModelConfig::Misfit> ModelConfig::misfits() const {
  std::vector<Misfit> out;
  if (head_width == 0 && width % heads != 0)
    out.push_back(
        {"model.width",
         std::to_string(width) + " is not divisible by model.heads (" + std::to_string(heads) + ")",
         "Every head has width / heads channels, unless model.head_width says how many."});
  else
    check_positions(*this, out);
  if (heads % key_heads() != 0)
    out.push_back({"model.kv_heads",
                   fmt::format("{} query heads cannot share {} heads of keys and values evenly",
                               heads, key_heads()),
                   "It divides model.heads."});
  std::vector<bool> attends;
  for (int64_t l = 0; l < layers; ++l) attends.push_back(has_attention(l));
  if (std::string reason = attention.mask->refuse(context, attends); !reason.empty())
    out.push_back({"model.attention.mask", reason, ""});
  if (attention.slot->gives_nothing() && !attention.normalizer->shares())
    out.push_back({"model.attention.slot",
                   fmt::format("with {} the weight of a key does not depend on the other keys, so "
                               "a key with value 0 would change nothing",
                               attention.normalizer.name()),
                   "Use slot: key_value, or a normalizer whose weights compete."});
  check_absent("model.attention.absent", attention.absent, layers, out);
  check_absent("model.mlp.absent", mlp.absent, layers, out);
  const bool any_attends = std::ranges::count(attends, true) > 0;
  for (int64_t l = 0; l < layers; ++l) {
    if (!has_attention(l) && !has_mlp(l))
      out.push_back({"model.attention.absent",
                     fmt::format("layer {} has no MLP either, so it would do nothing", l),
                     "Lower model.layers instead."});
  }
  if (!any_attends && position.count() == 0 && acts_in_layers(position.of_layer(0)->acts()))
    out.push_back({"model.position",
                   fmt::format("{} acts in attention, but no layer has it", position.name()), ""});
  if (!any_attends) check_without_attention(*this, out);
  if (!norm.final && norm.kind->present() && norm.place == NormPlace::post)
    out.push_back({"model.norm.final", "with place: post there is none before the output anyway",
                   "Leave it out."});
  if (has_no_mlp(*this))
    out.push_back({"model.mlp.absent", "it names every layer", "Write mlp: {kind: none}."});
  if (!any_attends && dedicated.count > 0 && dedicated.into == Into::attention)
    out.push_back({"model.dedicated.into", "no layer has attention", "Write into: embeddings."});
  if (block == BlockKind::parallel) check_parallel(*this, out);
  if (token_types.count == 0 && token_types.separator >= 0)
    out.push_back({"model.token_types.separator", "there are no types to tell apart", ""});
  if (takes_features())
    check_features(*this, out);
  else if (dedicated.count > 0)
    out.push_back(
        {"model.dedicated",
         "these vectors stand in for features, but model.input is tokens, which are embedded",
         "Leave it out."});
  return out;
}

}  // namespace waiver
