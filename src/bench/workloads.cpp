#include "bench/workloads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/random.h"

namespace waiver {
namespace {

// Tokens drawn uniformly, once: every batch is the same.
class UniformTokens : public Dataset {
 public:
  UniformTokens(int64_t vocabulary, int64_t sequences)
      : vocabulary_(vocabulary), sequences_(sequences) {}
  void open(int64_t context) override {
    const Random random(0, "bench");
    tokens_.resize(sequences_ * context + 1);
    for (size_t i = 0; i < tokens_.size(); ++i)
      tokens_[i] = static_cast<int32_t>(random.below(i, vocabulary_));
  }
  int64_t vocabulary() const override { return vocabulary_; }
  void fill(const Draws&, Batch& out) const override {
    for (size_t i = 0; i < out.inputs.size(); ++i) {
      out.inputs[i] = tokens_[i % (tokens_.size() - 1)];
      out.targets[i] = tokens_[i % (tokens_.size() - 1) + 1];
    }
  }

 private:
  int64_t vocabulary_, sequences_;
  std::vector<int32_t> tokens_;
};

struct Sizes {
  int64_t layers, heads, width, mlp, context, vocabulary, batch;
};

constexpr const char* kSwitches = "switches";
constexpr Sizes kLm{4, 2, 128, 512, 256, 256, 32};

Workload workload(std::string name, const Sizes& sizes) {
  Workload w;
  w.name = std::move(name);
  w.model.layers = sizes.layers;
  w.model.heads = sizes.heads;
  w.model.width = sizes.width;
  w.model.context = sizes.context;
  w.model.mlp.width = sizes.mlp;
  w.vocabulary = sizes.vocabulary;
  w.train.batch = sizes.batch;
  w.train.clip = 1.0;
  return w;
}

// GPT-2 at laptop size: biases, GELU, the output tied to the embedding.
Workload small() {
  Workload w = workload("small", {4, 4, 256, 1024, 256, 256, 16});
  w.model.attention.bias = AttentionBias::all;
  w.model.mlp.bias = true;
  w.model.mlp.kind.set("gelu");
  w.model.output.tied = true;
  w.model.init.kind = InitKind::gpt2;
  return w;
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> out = {small(), workload("bb", {1, 1, 256, 1024, 256, 67, 32}),
                               workload("lm", kLm),
                               workload("gu60m", {10, 8, 768, 1536, 2048, 50432, 1})};
  out[1].backcopy = out[1].probes = out[2].probes = true;
  for (const int64_t T : {1024, 2048, 4096, 8192, 16384})
    out.push_back(workload("long", {2, 2, 128, 512, T, 256, 1}));
  return out;
}

}  // namespace

Workload plain_workload() { return workload(kSwitches, kLm); }

std::vector<std::string> workload_names() {
  std::vector<std::string> out;
  for (const Workload& w : all_workloads())
    if (out.empty() || out.back() != w.name) out.push_back(w.name);
  out.emplace_back(kSwitches);
  return out;
}

std::vector<Workload> find_workloads(const std::string& name) {
  if (name == kSwitches) return switch_workloads();
  std::vector<Workload> out = all_workloads();
  std::erase_if(out, [&](const Workload& w) { return w.name != name; });
  if (out.empty())
    throw UsageError(name, "there is no such workload",
                     fmt::format("Known are {}.", fmt::join(workload_names(), ", ")));
  return out;
}

std::unique_ptr<Dataset> workload_data(const Workload& workload) {
  std::unique_ptr<Dataset> data =
      workload.backcopy
          ? Kind<Dataset>("bigram_backcopy").make()
          : std::make_unique<UniformTokens>(workload.vocabulary, workload.train.batch);
  data->open(workload.model.context);
  return workload.train.objective->apply(std::move(data), workload.model.attention.mask->prefix());
}

}  // namespace waiver
