#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/transformer.h"
#include "reference/settings.h"

// Data and a model of one layer and head whose attention is known number by number: what is
// attractive stands elsewhere in each sequence. Channel 0 of a token is whether it asks, 1 is what
// makes it attractive to those who do, 2 is what values are made of, 3 is its own, 4 is what
// attention yields; 5 and 6 are to the silent what 0 and 1 are to those who ask.

namespace waiver {

inline constexpr int64_t kMarkedTokens = 16, kMarkedFeatures = 8;

/// Tokens that ask, tokens that do not, and `dedicated` ones at places of their own, the same in no
/// two neighbouring sequences.
class Marked : public Dataset {
 public:
  enum : int32_t { kAsks, kSilent, kKinds };
  int64_t count = 1;  // of dedicated tokens
  double silent = 0;  // share of tokens that do not ask
  bool silent_answered = true;
  int64_t every = 1;        // sequences that are not a multiple of this lack the last of them
  std::vector<int64_t> at;  // fixed places instead

  void open(int64_t) override {}
  int64_t vocabulary() const override { return kKinds + count; }
  int64_t features() const override { return kMarkedFeatures; }
  int64_t dedicated() const override { return count; }
  std::vector<std::string> query_roles() const override { return {"asks", "silent", "dedicated"}; }
  int64_t query_role(const int32_t* x, int64_t t) const override { return std::min(x[t], 2); }
  std::vector<std::string> key_roles() const override {
    std::vector<std::string> names;
    for (int64_t i = 0; i < count; ++i) names.push_back("mark_" + std::to_string(i));
    names.insert(names.end(), {"first", "other"});
    return names;
  }
  int64_t key_role(const int32_t* x, int64_t t) const override {
    return x[t] >= kKinds ? x[t] - kKinds : count + (t == 0 ? 0 : 1);
  }
  /// Where mark i stands in sequence b.
  int64_t place(int64_t b, int64_t i, int64_t T) const {
    return at.empty() ? (7 * b + 5 * i + 2) % T : at[i];
  }
  bool has(int64_t b, int64_t i) const { return i + 1 < count || b % every == 0; }
  void fill(const Draws& draws, Batch& out) const override {
    const int64_t T = out.tokens, F = kMarkedFeatures;
    out.features.assign(out.batch * T * F, 0.0f);
    out.answers.assign(out.batch * T * F, 0.25f);
    for (int64_t n = 0; n < out.batch * T; ++n) {
      const auto random = draws.numbers("", n / T, 2 * T);
      const bool asks = random.uniform(2 * (n % T)) >= silent;
      out.inputs[n] = asks ? kAsks : kSilent;
      for (int64_t i = 0; i < count; ++i)
        if (has(n / T, i) && place(n / T, i, T) == n % T)
          out.inputs[n] = static_cast<int32_t>(kKinds + i);
      out.targets[n] =
          out.inputs[n] == kAsks || (out.inputs[n] == kSilent && silent_answered) ? 0 : -1;
      if (out.inputs[n] >= kKinds) continue;
      float* x = &out.features[n * F];
      x[asks ? 0 : 5] = 1;
      x[2] = 1;
      x[3] = static_cast<float>(random.uniform(2 * (n % T) + 1));
    }
  }
};

struct MarkedModel {
  std::vector<float> pulls = {6};        // the score that mark i has for all who ask
  std::vector<float> values = {0.1f};    // what it has in place of the value 1 of all others
  std::vector<float> silent_pulls = {};  // and for the silent; by default 0
  float by_position = 0;                 // the score of position 0, whose value is then 0.1
  reference::Edits more = {};
};

inline Tensor weight_of(Transformer& model, const std::string& name) {
  for (Parameter& p : model.parameters().all())
    if (p.name == name) return p.variable.value;
  FAIL("no parameter is called ", name);
  std::abort();
}

inline std::unique_ptr<Transformer> build_marked(const MarkedModel& marked) {
  constexpr int64_t F = kMarkedFeatures;
  reference::Edits edits{{{"position", marked.by_position > 0 ? "learned" : "none"},
                          {"attention.mask", "bidirectional"},
                          {"input", "features"},
                          {"mlp.kind", "none"},
                          {"norm.kind", "none"}},
                         {{"layers", 1},
                          {"heads", 1},
                          {"width", F},
                          {"context", kMarkedTokens},
                          {"dedicated.count", static_cast<double>(marked.pulls.size())}}};
  if (marked.by_position > 0) edits.words["position.into"] = "attention";
  for (const auto& [key, word] : marked.more.words) edits.words[key] = word;
  for (const auto& [key, number] : marked.more.numbers) edits.numbers[key] = number;
  ModelConfig config;
  reference::Settings(config, edits);
  const auto D = static_cast<int64_t>(marked.pulls.size());
  auto made = std::make_unique<Transformer>(config, Marked::kKinds + D, 1);
  for (float& x : made->parameters().values()) x = 0;
  for (int64_t i = 0; i < D; ++i) {
    const Tensor vectors = weight_of(*made, "embed.dedicated.weight");
    vectors.row(i)[0] = 1;
    vectors.row(i)[1] = marked.pulls[i];
    vectors.row(i)[2] = marked.values[i];
    if (!marked.silent_pulls.empty()) vectors.row(i)[6] = marked.silent_pulls[i];
  }
  if (marked.by_position > 0) {
    const Tensor positions = weight_of(*made, "embed.position.weight");
    positions.row(0)[1] = marked.by_position;
    positions.row(0)[2] = -0.9f;
  }
  const Tensor qkv = weight_of(*made, "blocks.0.attn.qkv.weight");
  for (const int64_t c : {0, 1}) {
    qkv.row(5 * c)[c] = std::sqrt(static_cast<float>(F));  // which the scale takes away again
    qkv.row(5 * c + 1)[F + c] = 1;
  }
  qkv.row(2)[2 * F] = 1;
  weight_of(*made, "blocks.0.attn.out.weight").row(0)[4] = 1;
  return made;
}

}  // namespace waiver
