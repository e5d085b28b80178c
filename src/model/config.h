#pragma once

#include "core/fields/fields.h"
#include "core/products/operand.h"
#include "model/attention/gates/gate.h"
#include "model/attention/mask.h"
#include "model/attention/normalizer.h"
#include "model/attention/qk_norm.h"
#include "model/attention/slot.h"
#include "model/dropout.h"
#include "model/mlp/mlp.h"
#include "model/norm/norm.h"
#include "model/position/encoding.h"

namespace waiver {

/// What the model takes, and hence what it outputs.
enum class InputKind { tokens, features };
std::span<const Choice> words(InputKind);

/// The inputs of matrix products.
std::span<const Choice> words(Precision);

/// How attention and MLP of a block follow each other.
enum class BlockKind { sequential, parallel };
std::span<const Choice> words(BlockKind);

/// Which projections of attention have biases.
enum class AttentionBias { none, all, qkv };
std::span<const Choice> words(AttentionBias);

/// The activation of a dense layer before the output layer.
enum class OutputTransform { none, relu, gelu, gelu_tanh };
std::span<const Choice> words(OutputTransform);

/// What the model makes of the residual stream.
enum class OutputKind { logits, hidden };
std::span<const Choice> words(OutputKind);

/// The scale of the products of queries and keys.
enum class ScoreScale { sqrt, none };
std::span<const Choice> words(ScoreScale);

/// Where the norms are applied.
enum class NormPlace { pre, post, sandwich };
std::span<const Choice> words(NormPlace);

struct AttentionConfig {
  Kind<Mask> mask{"causal"};
  Kind<Normalizer> normalizer{"softmax"};
  Kind<Slot> slot{"none"};
  ScoreScale scale = ScoreScale::sqrt;
  AttentionBias bias = AttentionBias::none;
  Kind<QkNorm> qk_norm{"none"};
  Kind<Gate> gate{"none"};
  std::vector<int64_t> absent = {};

  void visit(FieldVisitor& v);
};

struct MlpConfig {
  Kind<Mlp> kind{"relu"};
  int64_t width = 512;
  bool bias = false;
  std::vector<int64_t> absent = {};

  void visit(FieldVisitor& v);
};

struct NormConfig {
  Kind<Norm> kind{"layer"};
  NormPlace place = NormPlace::pre;
  bool embedding = false;
  bool final = true;

  void visit(FieldVisitor& v);
};

struct OutputConfig {
  OutputKind kind = OutputKind::logits;
  OutputTransform transform = OutputTransform::none;
  bool tied = false;
  bool bias = false;

  void visit(FieldVisitor& v);
};

/// Learned vectors that say which part of a sequence a token belongs to: as many separators as
/// stand before it, at most count − 1 (segments A and B of BERT, 1810.04805, §3).
struct TokenTypesConfig {
  int64_t count = 0;
  int64_t separator = -1;

  void visit(FieldVisitor& v);
};

/// Learned vectors that stand in for the features of as many dedicated tokens, whose ids are the
/// last (Dataset::dedicated).
struct DedicatedConfig {
  int64_t count = 0;
  Into into = Into::attention;
  double std = 0.02;

  void visit(FieldVisitor& v);
};

/// The transformer: token embedding, encoding, blocks, final norm, output. Where `input` is
/// features, it has neither embedding nor output layer: the blocks' output is the answer. Where
/// `output.kind` is hidden, it has no output layer.
struct ModelConfig {
  int64_t layers = 2;
  int64_t heads = 1;
  int64_t kv_heads = 0;
  int64_t head_width = 0;
  int64_t width = 128;
  int64_t context = 128;
  InputKind input = InputKind::tokens;
  int64_t sink_tokens = 0;
  TokenTypesConfig token_types;
  DedicatedConfig dedicated;
  BlockKind block = BlockKind::sequential;
  bool residual = true;
  Precision precision = Precision::float32;
  Kinds<PositionEncoding> position{"learned"};
  AttentionConfig attention;
  MlpConfig mlp;
  NormConfig norm;
  OutputConfig output;
  DropoutConfig dropout;
  InitConfig init;

  void visit(FieldVisitor& v);
  /// Encodings that act in attention have positions for the sink tokens too.
  EncodingSizes encoding_sizes(Acts acts) const {
    return {context + (acts == Acts::in_attention ? sink_tokens : 0),
            width,
            heads,
            channels_per_head(),
            init.embedding_std(),
            "embed.position"};
  }
  /// Heads of keys and values (K).
  int64_t key_heads() const { return kv_heads > 0 ? kv_heads : heads; }
  /// Of every query, key and value (D).
  int64_t channels_per_head() const { return head_width > 0 ? head_width : width / heads; }
  /// The factor on the products of queries and keys.
  float score_scale() const;
  /// How many keys belong to no token of the sequence: the sink tokens and the slot.
  int64_t added_keys() const { return sink_tokens + (attention.slot->present() ? 1 : 0); }
  bool takes_features() const { return input == InputKind::features; }
  bool gives_logits() const { return !takes_features() && output.kind == OutputKind::logits; }
  bool has_attention(int64_t layer) const;
  bool has_mlp(int64_t layer) const;
  /// Why the sizes do not fit together, and the key concerned; empty when they do.
  struct Misfit {
    std::string key, what, hint;
  };
  std::vector<Misfit> misfits() const;
};

}  // namespace waiver
