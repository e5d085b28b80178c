#pragma once

#include "core/fields.h"
#include "model/attention/mask.h"
#include "model/attention/normalizer.h"
#include "model/attention/slot.h"
#include "model/position/encoding.h"

namespace waiver {

struct AttentionConfig {
  Kind<Mask> mask{"causal"};
  Kind<Normalizer> normalizer{"softmax"};
  Kind<Slot> slot{"none"};
  std::string scale = "sqrt";
  bool bias = false;

  void visit(FieldVisitor& v);
};

struct MlpConfig {
  std::string kind = "relu";
  int64_t width = 512;
  bool bias = false;

  void visit(FieldVisitor& v);
};

struct NormConfig {
  std::string kind = "layer";
  std::string place = "pre";
  double eps = 1e-5;
  bool bias = true;

  void visit(FieldVisitor& v);
};

struct OutputConfig {
  bool tied = false;
  bool bias = false;

  void visit(FieldVisitor& v);
};

struct InitConfig {
  std::string kind = "fan_in";
  double std = 0.02;

  void visit(FieldVisitor& v);
};

/// The transformer: token embedding, encoding, pre-norm blocks, final norm, output.
struct ModelConfig {
  int64_t layers = 2;
  int64_t heads = 1;
  int64_t width = 128;
  int64_t context = 128;
  Kind<PositionEncoding> position{"learned"};
  AttentionConfig attention;
  MlpConfig mlp;
  NormConfig norm;
  OutputConfig output;
  InitConfig init;

  void visit(FieldVisitor& v);
  EncodingSizes encoding_sizes() const { return {context, width, heads, embedding_std()}; }
  double embedding_std() const { return init.kind == "gpt2" ? init.std : 1.0; }
  /// The reason why the sizes do not fit together, and the key it concerns; empty when they do.
  struct Misfit {
    std::string key, what, hint;
  };
  std::vector<Misfit> misfits() const;
};

}  // namespace waiver
