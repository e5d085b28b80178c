#pragma once

#include "core/fields/fields.h"
#include "core/operand.h"
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
  bool bias = false;
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
  bool final = true;

  void visit(FieldVisitor& v);
};

struct OutputConfig {
  bool tied = false;
  bool bias = false;

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
/// features, it has neither embedding nor output layer: the blocks' output is the answer.
struct ModelConfig {
  int64_t layers = 2;
  int64_t heads = 1;
  int64_t width = 128;
  int64_t context = 128;
  InputKind input = InputKind::tokens;
  int64_t sink_tokens = 0;
  DedicatedConfig dedicated;
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
    return {context + (acts == Acts::in_attention ? sink_tokens : 0), width, heads,
            init.embedding_std(), "embed.position"};
  }
  /// The factor on the products of queries and keys.
  float score_scale() const;
  /// How many keys belong to no token of the sequence: the sink tokens and the slot.
  int64_t added_keys() const { return sink_tokens + (attention.slot->present() ? 1 : 0); }
  bool takes_features() const { return input == InputKind::features; }
  bool has_attention(int64_t layer) const;
  bool has_mlp(int64_t layer) const;
  /// Why the sizes do not fit together, and the key concerned; empty when they do.
  struct Misfit {
    std::string key, what, hint;
  };
  std::vector<Misfit> misfits() const;
};

}  // namespace waiver
