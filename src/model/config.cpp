#include "model/config.h"

namespace waiver {

void AttentionConfig::visit(FieldVisitor& v) {
  mask.visit(v, "mask", "which keys a query sees");
  static constexpr Choice scales[] = {{"sqrt", "q·k / √D, D the width of a head"}, {"none", "q·k"}};
  normalizer.visit(v, "normalizer", "how scores become weights");
  slot.visit(v, "slot", "a key that is no token's and that every query sees");
  v.choice("scale", scale, scales, "what the products of queries and keys are divided by");
  v.field("bias", bias, "biases in the query, key, value and output projections");
}

void MlpConfig::visit(FieldVisitor& v) {
  static constexpr Choice kinds[] = {{"relu", "max(0, x)"},
                                     {"gelu", "x Φ(x), exact (by erf), as GPT-2 in nanoGPT"}};
  v.choice("kind", kind, kinds, "activation between the two layers of the MLP");
  v.field("width", width, at_least(1), "hidden width of the MLP");
  v.field("bias", bias, "biases in both layers of the MLP");
}

void NormConfig::visit(FieldVisitor& v) {
  static constexpr Choice kinds[] = {
      {"layer", "LayerNorm: (x − mean) / √(variance + eps), times gain, plus bias"}};
  static constexpr Choice places[] = {
      {"pre", "before attention and MLP, and once before the output"}};
  v.choice("kind", kind, kinds, "normalisation of the residual stream");
  v.choice("place", place, places, "where the norms stand");
  v.field("eps", eps, above(0), "added to the variance");
  v.field("bias", bias, "whether the norms have a bias beside their gain");
}

void OutputConfig::visit(FieldVisitor& v) {
  v.field("tied", tied, "whether the output layer is the token embedding, transposed");
  v.field("bias", bias, "a bias on the logits");
}

void InitConfig::visit(FieldVisitor& v) {
  static constexpr Choice kinds[] = {
      {"fan_in", "embeddings N(0, 1), matrices U(±1/√fan_in): the Bigram-Backcopy recipe"},
      {"gpt2",
       "everything N(0, std), the two projections back into the residual stream "
       "N(0, std / √(2·layers)): GPT-2"}};
  v.choice("kind", kind, kinds, "how weights start");
  if (kind == "gpt2") v.field("std", std, above(0), "standard deviation");
}

void ModelConfig::visit(FieldVisitor& v) {
  v.field("layers", layers, between(1, 1024), "transformer blocks");
  v.field("heads", heads, between(1, 1024), "attention heads per block");
  v.field("width", width, between(1, 65536), "width of the residual stream");
  v.field("context", context, between(2, 1 << 20), "tokens per sequence (T)");
  position.visit(v, "position", "how tokens know where they stand");
  v.block("attention", "attention", [this](FieldVisitor& inner) { attention.visit(inner); });
  v.block("mlp", "the two-layer perceptron", [this](FieldVisitor& inner) { mlp.visit(inner); });
  v.block("norm", "normalisation", [this](FieldVisitor& inner) { norm.visit(inner); });
  v.block("output", "from the residual stream to logits",
          [this](FieldVisitor& inner) { output.visit(inner); });
  v.block("init", "initial weights", [this](FieldVisitor& inner) { init.visit(inner); });
}

std::vector<ModelConfig::Misfit> ModelConfig::misfits() const {
  std::vector<Misfit> out;
  if (width % heads != 0)
    out.push_back(
        {"model.width",
         std::to_string(width) + " is not divisible by model.heads (" + std::to_string(heads) + ")",
         "Every head has width / heads channels."});
  else if (std::string reason = position->refuse(encoding_sizes()); !reason.empty())
    out.push_back({"model.position", reason, ""});
  return out;
}

}  // namespace waiver
