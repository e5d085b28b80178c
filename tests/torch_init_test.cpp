// Weights as PyTorch draws them: model.init.kind torch.
#include <doctest/doctest.h>

#include <cmath>

#include "data/dataset.h"
#include "model/torch_random.h"
#include "probe/prober.h"

using namespace waiver;

namespace {

// PyTorch's logarithms and cosines round in their own way.
doctest::Approx about(double x) { return doctest::Approx(x).epsilon(1e-6); }

ModelConfig one_block(int64_t width, int64_t context) {
  ModelConfig m;
  m.layers = m.heads = 1;
  m.width = width;
  m.context = context;
  m.mlp.width = 4 * width;
  m.init.kind = InitKind::torch;
  return m;
}

}  // namespace

TEST_CASE("the numbers are those of PyTorch 2.13") {
  // torch.manual_seed(42), nn.Embedding(3, 16), nn.Linear(5, 4, bias=False)
  TorchRandom random(42);
  std::vector<float> embedding(48), linear(20);
  random.normal(embedding);
  random.uniform(linear, static_cast<float>(1 / std::sqrt(5.0)));
  CHECK(embedding[0] == about(1.92691529));
  CHECK(embedding[1] == about(1.48728406));
  CHECK(embedding[7] == about(-1.60466695));
  CHECK(embedding[8] == about(-0.752135277));
  CHECK(embedding[15] == about(0.76244539));
  CHECK(embedding[16] == about(1.64231694));
  CHECK(embedding[47] == about(-0.487913877));
  CHECK(linear[0] == about(0.227110729));
  CHECK(linear[1] == about(-0.272578955));
  CHECK(linear[5] == about(0.366956145));
  CHECK(linear[19] == about(-0.265064359));
  // torch.manual_seed(7), torch.empty(20).normal_()
  TorchRandom other(7);
  std::vector<float> twenty(20);
  other.normal(twenty);
  CHECK(twenty[0] == about(-0.820134521));
  CHECK(twenty[3] == about(-1.38840389));
  CHECK(twenty[4] == about(0.198445052));
  CHECK(twenty[11] == about(1.36148512));
  CHECK(twenty[12] == about(-2.0614779));
  CHECK(twenty[19] == about(-0.356722534));
}

TEST_CASE("a model takes them in the order of its weights, each matrix as its transpose") {
  const Transformer model(one_block(16, 8), 11, 42);
  TorchRandom random(42);
  std::vector<float> tokens(11 * 16), positions(8 * 16), q(16 * 16), k(16 * 16), v(16 * 16);
  random.normal(tokens);
  random.normal(positions);
  for (std::vector<float>* x : {&q, &k, &v}) random.uniform(*x, 0.25f);
  for (const Parameter& p : model.parameters().all()) {
    CAPTURE(p.name);
    const Tensor& w = p.variable.value;
    if (p.name == "embed.token.weight")
      CHECK(std::vector<float>(w.data, w.data + w.size()) == tokens);
    if (p.name == "embed.position.weight")
      CHECK(std::vector<float>(w.data, w.data + w.size()) == positions);
    if (p.name == "blocks.0.attn.qkv.weight")
      for (int64_t i = 0; i < 16; ++i)
        for (int64_t o = 0; o < 16; ++o) {
          CHECK(w.row(i)[o] == q[o * 16 + i]);
          CHECK(w.row(i)[16 + o] == k[o * 16 + i]);
          CHECK(w.row(i)[32 + o] == v[o * 16 + i]);
        }
  }
}

TEST_CASE("the exact model of seed 42 begins where the published run began") {
  // ‖v‖ of the first token at step 0 in the authors' own trajectory (Guo et al., 2410.13835).
  constexpr double kPublished = 9.041964530944824;
  const ModelConfig m = one_block(256, 256);
  auto data = Kind<Dataset>("bigram_backcopy").make();
  data->open(m.context);
  const Transformer model(m, 67, 42);
  ProbeConfig probe;
  probe.batch = 2;
  Prober prober(model, *data, probe, 0);
  prober.measure();
  CHECK(prober.value("value_norm")[0] == doctest::Approx(kPublished).epsilon(1e-6));
  const Transformer other(m, 67, 43);
  Prober of_other(other, *data, probe, 0);
  of_other.measure();
  CHECK(of_other.value("value_norm")[0] != doctest::Approx(kPublished).epsilon(1e-3));
}
