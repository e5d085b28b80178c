#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>

#include "config/config.h"
#include "data/wrapped/padded.h"
#include "datasets.h"
#include "model/transformer.h"

/// Sequences of different lengths, padded or one by one.
namespace waiver {

inline constexpr int64_t kPaddedTokens = 13;  // T
inline constexpr int32_t kPad = 39, kMask = 40;

/// Given sequences in order, filled up to T tokens. Nothing is drawn, so that a sequence is the
/// same in every company. `masked`: some of its tokens are hidden, and only those are predicted.
class GivenSequences : public Dataset {
 public:
  GivenSequences(std::vector<std::vector<int32_t>> all, bool masked)
      : all_(std::move(all)), masked_(masked) {}
  void open(int64_t) override {}
  int64_t vocabulary() const override { return masked_ ? kMask + 1 : kMask; }
  int32_t mask_token() const override { return masked_ ? kMask : -1; }
  int64_t validation_windows(int64_t) const override { return std::ssize(all_); }
  bool is_task() const override { return true; }
  void next(const int32_t* inputs, int64_t t, std::span<float> p) const override {
    std::ranges::fill(p, 0.0f);
    p[(inputs[t] + 1) % kPad] = 0.7f;
    p[(inputs[t] + 2) % kPad] = 0.3f;
  }
  std::vector<std::string> query_roles() const override { return {"plain", "trigger"}; }
  int64_t query_role(const int32_t* inputs, int64_t t) const override {
    return inputs[t] % 3 == 1 ? 1 : kPlain;
  }
  std::vector<std::string> key_roles() const override { return {"first", "mark", "other"}; }
  int64_t key_role(const int32_t* inputs, int64_t t) const override {
    return t == 0 ? 0 : inputs[t] % 4 == 1 ? 1 : 2;
  }
  void fill(const Draws& draws, Batch& out) const override {
    const int64_t T = out.tokens;
    for (int64_t b = 0; b < out.batch; ++b) {
      const std::vector<int32_t>& own = all_[draws.sequence(b) % std::ssize(all_)];
      for (int64_t t = 0; t < T; ++t) {
        out.inputs[b * T + t] = t < std::ssize(own) ? own[t] : kPad;
        out.targets[b * T + t] = t + 1 < T ? (t + 1 < std::ssize(own) ? own[t + 1] : kPad) : -1;
      }
    }
    if (masked_) hide(out);
  }

 private:
  static void hide(Batch& out) {
    out.whole = out.inputs;
    for (size_t n = 0; n < out.inputs.size(); ++n) {
      const bool hidden = out.whole[n] != kPad && (out.whole[n] % 4 == 2 || out.whole[n] % 6 == 1);
      out.targets[n] = hidden ? out.whole[n] : -1;
      if (hidden) out.inputs[n] = kMask;
    }
  }

  std::vector<std::vector<int32_t>> all_;
  bool masked_;
};

inline std::unique_ptr<Dataset> padded(std::vector<std::vector<int32_t>> all, bool masked = false) {
  return with_padding(std::make_unique<GivenSequences>(std::move(all), masked), kPad);
}

/// Sequences of these lengths, no two of whose tokens are the same.
inline std::vector<std::vector<int32_t>> sequences_of(const std::vector<int64_t>& lengths) {
  std::vector<std::vector<int32_t>> out;
  int32_t next = 0;
  for (const int64_t length : lengths) {
    out.emplace_back();
    for (int64_t t = 0; t < length; ++t) out.back().push_back(next++ * 17 % kPad);
  }
  return out;
}

/// `more`: the rest of the block `attention`, and what else there is of `model`.
inline ModelConfig padded_model(int64_t context, const std::string& mask,
                                const std::string& attention = "", const std::string& more = "") {
  ModelConfig config =
      parse_config(
          "model: {layers: 3, heads: 2, width: 16, mlp: {width: 24}, attention: {absent: "
          "[1], mask: {kind: " +
              mask + ", padding: " + std::to_string(kPad) + "}" + attention + "}" + more +
              "}\ntrain: {objective: masked_token}\n",
          "model.yaml")
          .model;
  config.context = context;  // which may be 1 here
  return config;
}

/// A fresh model whose weights are large enough for its attention to be uneven.
inline std::unique_ptr<Transformer> uneven_model(const ModelConfig& config, int64_t vocabulary) {
  auto model = std::make_unique<Transformer>(config, vocabulary, 5);
  for (Parameter& p : model->parameters().all())
    if (p.is_matrix())
      for (float& x : std::span(p.variable.value.data, p.variable.value.size())) x *= 8;
  return model;
}

}  // namespace waiver
