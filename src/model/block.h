#pragma once

#include <optional>

#include "model/branch.h"

namespace waiver {

/// The parts of one block; either may be absent.
struct Block {
  struct Attention {
    Branch branch;
    Linear qkv, out;
    std::unique_ptr<Mask> mask;
    std::unique_ptr<Normalizer> normalizer;
    std::unique_ptr<Slot> slot;
    std::unique_ptr<QkNorm> qk_norm;
    std::unique_ptr<Gate> gate;

    Attention(Builder& builder, const ModelConfig& config, int64_t layer, const std::string& block);
  };
  struct Perceptron {
    Branch branch;
    std::unique_ptr<Mlp> mlp;

    Perceptron(Builder& builder, const ModelConfig& config, const std::string& block);
  };

  Block(Builder& builder, const ModelConfig& config, int64_t layer);

  std::optional<Attention> attention;
  std::optional<Perceptron> perceptron;
};

}  // namespace waiver
