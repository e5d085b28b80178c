#pragma once

#include "core/fields.h"
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

struct AttentionConfig {
  Kind<Mask> mask{"causal"};
  Kind<Normalizer> normalizer{"softmax"};
  Kind<Slot> slot{"none"};
  std::string scale = "sqrt";
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
  std::string place = "pre";

  void visit(FieldVisitor& v);
};

struct OutputConfig {
  bool tied = false;
  bool bias = false;

  void visit(FieldVisitor& v);
};

/// The transformer: token embedding, encoding, blocks, final norm, output.
struct ModelConfig {
  int64_t layers = 2;
  int64_t heads = 1;
  int64_t width = 128;
  int64_t context = 128;
  Kinds<PositionEncoding> position{"learned"};
  AttentionConfig attention;
  MlpConfig mlp;
  NormConfig norm;
  OutputConfig output;
  DropoutConfig dropout;
  InitConfig init;

  void visit(FieldVisitor& v);
  EncodingSizes encoding_sizes() const {
    return {context, width, heads, init.embedding_std(), "embed.position"};
  }
  /// What the products of queries and keys are multiplied by.
  float score_scale() const;
  bool has_attention(int64_t layer) const;
  bool has_mlp(int64_t layer) const;
  /// The reason why the sizes do not fit together, and the key it concerns; empty when they do.
  struct Misfit {
    std::string key, what, hint;
  };
  std::vector<Misfit> misfits() const;
};

}  // namespace waiver
