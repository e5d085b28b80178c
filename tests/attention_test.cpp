#include "autograd/ops/attention/attention.h"

#include <array>
#include <limits>

#include "core/fields/set_fields.h"
#include "model/attention/normalizer.h"
#include "reference/op_check.h"
#include "reference/settings.h"
#include "reference/weights_of_scores.h"

// The attention op against plain loops in double precision.

namespace waiver {
namespace {

using namespace op_check;

// Query i sees keys i − 5 … i + 2: tiles whose keys begin late and end early.
struct Window : KeyMask {
  VisibleKeys visible(int64_t query, int64_t tokens) const override {
    return {{}, KeyRange{0, tokens}.within(query - 5, query + 3)};
  }
};
struct Full : KeyMask {
  VisibleKeys visible(int64_t, int64_t tokens) const override { return {{}, {0, tokens}}; }
};
struct UpTo : KeyMask {
  VisibleKeys visible(int64_t query, int64_t) const override { return {{}, {0, query + 1}}; }
};
// And keys 1 and 2 for queries from 9 on: two ranges with a hole between.
struct Lead : Window {
  VisibleKeys visible(int64_t query, int64_t tokens) const override {
    VisibleKeys keys = Window::visible(query, tokens);
    if (query >= 9) keys.lead = {1, 3};
    return keys;
  }
};

// And keys 0 and 1 for all: three ranges for most queries, and two that adjoin for the first.
struct Sinks : KeyMask {
  VisibleKeys visible(int64_t query, int64_t tokens) const override {
    const int64_t count = std::min<int64_t>(2, tokens);
    if (query < count) return {{}, {}, {0, count}};
    VisibleKeys keys{{}, KeyRange{count, tokens}.within(query - 5, query + 1), {0, count}};
    if (query >= 15) keys.lead = {3, 5};
    return keys;
  }
};

// Asymmetric, so that query and key cannot be confused.
double bias_of(int64_t head, int32_t query, int32_t key) {
  return 0.01 * static_cast<double>(head + 1) * (query - 2 * key % 7);
}
struct AnyBias : ScoreBias {
  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) row[j] += static_cast<float>(bias_of(head, query, keys[j]));
  }
};

struct AttentionCase {
  int B, T, H, D;
  const KeyMask* mask;
  bool biased;
  std::vector<int32_t> positions;
  int C() const { return H * D; }
};

// Scores (−∞ where hidden) and pattern of one query of one head; then the mix of values.
template <class S>
struct Row {
  std::vector<S> scores, pattern;
};
template <class S, class Bias>
Row<S> plain_row(const AttentionCase& a, const std::vector<S>& qkv, int b, int h, int i,
                 const Bias& bias) {
  using std::exp;
  Row<S> row{std::vector<S>(a.T, S(-std::numeric_limits<double>::infinity())),
             std::vector<S>(a.T, S(0.0))};
  const auto at = [&](int t, int part, int d) {
    return qkv[(b * a.T + t) * 3 * a.C() + part * a.C() + h * a.D + d];
  };
  S sum(0.0);
  for (int64_t j = 0; j < a.T; ++j) {
    if (!a.mask->visible(i, a.T).contains(j)) continue;
    S s = a.biased ? S(bias(h, a.positions[i], a.positions[j])) : S(0.0);
    for (int d = 0; d < a.D; ++d) s += at(i, 0, d) * at(j, 1, d) / std::sqrt(a.D);
    row.scores[j] = s;
    sum += row.pattern[j] = exp(s);
  }
  for (S& p : row.pattern) p = p / sum;
  return row;
}

template <class S, class Bias>
std::vector<S> plain_attention(const AttentionCase& a, const std::vector<S>& qkv,
                               const Bias& bias) {
  std::vector<S> mix(a.B * a.T * a.C(), S(0.0));
  for (int b = 0; b < a.B; ++b)
    for (int h = 0; h < a.H; ++h)
      for (int i = 0; i < a.T; ++i) {
        const Row<S> row = plain_row(a, qkv, b, h, i, bias);
        for (int j = 0; j < a.T; ++j)
          for (int d = 0; d < a.D; ++d) {
            const S& v = qkv[(b * a.T + j) * 3 * a.C() + 2 * a.C() + h * a.D + d];
            mix[(b * a.T + i) * a.C() + h * a.D + d] += row.pattern[j] * v;
          }
      }
  return mix;
}

AttentionSpec spec_of(const AttentionCase& a, const RowNormalizer& normalizer,
                      const ScoreBias& bias) {
  AttentionSpec spec;
  spec.batch = a.B, spec.tokens = a.T, spec.heads = a.H;
  spec.scale = 1.0f / std::sqrt(static_cast<float>(a.D));
  spec.mask = a.mask;
  spec.normalizer = &normalizer;
  spec.bias = a.biased ? &bias : nullptr;
  spec.positions = a.positions;
  return spec;
}

template <class F>
void for_every_attention(const F& f) {
  const Window window;
  const Full full;
  const UpTo up_to;
  const Lead lead;
  const Sinks sinks;
  for (const auto& [B, T, H, D] :
       {std::array{3, 1, 1, 1}, {2, 7, 2, 4}, {1, 64, 1, 8}, {2, 65, 3, 5}, {1, 150, 2, 17}})
    for (const KeyMask* mask :
         {static_cast<const KeyMask*>(&window), static_cast<const KeyMask*>(&full),
          static_cast<const KeyMask*>(&up_to), static_cast<const KeyMask*>(&lead),
          static_cast<const KeyMask*>(&sinks)})
      for (bool biased : {false, true}) {
        INFO("B ", B, ", T ", T, ", H ", H, ", D ", D, ", biased ", biased);
        f(AttentionCase{B, T, H, D, mask, biased, whole_numbers("positions", T, T)});
      }
}

TEST_CASE("attention mixes the values of the visible keys") {
  const Kind<Normalizer> softmax("softmax");
  const AnyBias bias;
  for_every_attention([&](const AttentionCase& a) {
    check(
        {{a.B * a.T, 3 * a.C()}},
        [&](Tape& tape, const auto& in) {
          return attention(tape, in[0], spec_of(a, *softmax, bias));
        },
        [&](const auto& in) { return plain_attention(a, in[0], bias_of); });
  });
}

// s_ij += a_h · c_0 · (c_1 + d_j)², a of each head, c and d of all.
struct LearnedBias : ScoreBias {
  Variable a, c, d;
  void add(int64_t head, int32_t, const int32_t* keys, float* row, int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) {
      const float sum = c.value.data[1] + d.value.data[keys[j]];
      row[j] += a.value.data[head] * c.value.data[0] * sum * sum;
    }
  }
  Variable parameter() const override { return a; }
  std::vector<Variable> shared() const override { return {c, d}; }
  void backward(int64_t head, int32_t, const int32_t* keys, const float* grad, int64_t n,
                float* own, float* shared) const override {
    const float a_h = a.value.data[head], c_0 = c.value.data[0];
    for (int64_t j = 0; j < n; ++j) {
      const float sum = c.value.data[1] + d.value.data[keys[j]], slope = 2 * a_h * c_0 * sum;
      own[0] += grad[j] * c_0 * sum * sum;
      shared[0] += grad[j] * a_h * sum * sum;
      shared[1] += grad[j] * slope;
      shared[2 + keys[j]] += grad[j] * slope;
    }
  }
};

TEST_CASE("a bias learns numbers of each head and numbers that all heads share") {
  const Kind<Normalizer> softmax("softmax");
  const UpTo mask;
  const AttentionCase a{2, 70, 3, 4, &mask, true, whole_numbers("positions", 70, 5)};
  LearnedBias bias;
  check(
      {{a.B * a.T, 3 * a.C()}, {a.H, 1}, {2}, {5}},
      [&](Tape& tape, const auto& in) {
        bias.a = in[1], bias.c = in[2], bias.d = in[3];
        return attention(tape, in[0], spec_of(a, *softmax, bias));
      },
      [&](const auto& in) {
        return plain_attention(a, in[0], [&](int64_t h, int32_t, int32_t key) {
          const auto sum = in[2][1] + in[3][key];
          return in[1][h] * in[2][0] * sum * sum;
        });
      });
}

void check_maps(const AttentionCase& a) {
  const Kind<Normalizer> softmax("softmax");
  const AnyBias bias;
  Arena arena;
  Tape tape(arena, false);
  const std::vector<float> values = noise("input 0", a.B * a.T * 3 * a.C());
  Variable qkv = tape.variable({a.B * a.T, 3 * a.C()});
  std::copy(values.begin(), values.end(), qkv.value.data);
  AttentionSpec spec = spec_of(a, *softmax, bias);
  spec.scores = arena.tensor({a.B, a.H, a.T, a.T});
  spec.pattern = arena.tensor({a.B, a.H, a.T, a.T});
  attention(tape, qkv, spec);
  const std::vector<double> exact(values.begin(), values.end());
  for (int b = 0; b < a.B; ++b)
    for (int h = 0; h < a.H; ++h)
      for (int i = 0; i < a.T; ++i) {
        const Row<double> row = plain_row(a, exact, b, h, i, bias_of);
        const float* scores = spec.scores.row((b * a.H + h) * a.T + i);
        const float* pattern = spec.pattern.row((b * a.H + h) * a.T + i);
        for (int j = 0; j < a.T; ++j) {
          const bool visible = a.mask->visible(i, a.T).contains(j);
          // A score is a difference of products, so its error goes with their size, not its own.
          if (visible)
            REQUIRE(std::abs(scores[j] - row.scores[j]) < 2e-6);
          else
            REQUIRE(scores[j] == -std::numeric_limits<float>::infinity());
          REQUIRE(std::abs(pattern[j] - row.pattern[j]) <= (visible ? 1e-6 : 0.0));
        }
      }
}

TEST_CASE("attention shows its scores and pattern, hidden entries −inf and 0") {
  for_every_attention(check_maps);
}

// A causal window of 700 and 40 leading keys: rows of several blocks, with a hole.
struct Long : KeyMask {
  VisibleKeys visible(int64_t query, int64_t tokens) const override {
    if (query < 740) return {{}, {0, query + 1}};
    return {{0, 40}, KeyRange{0, tokens}.within(query - 699, query + 1)};
  }
};

TEST_CASE("the keys of every head of a long sequence meet its own queries") {
  const Long mask;
  check_maps({2, 1030, 3, 5, &mask, false, whole_numbers("positions", 1030, 1030)});
}

reference::Settings settings_of(const std::string& normalizer) {
  ModelConfig config;
  return reference::Settings(config, {{{"attention.normalizer", normalizer}}, {}});
}

TEST_CASE("rows of several blocks, with a slot, have the weights of the formula") {
  const Long mask;
  const AttentionCase a{1, 1100, 1, 4, &mask, false, whole_numbers("positions", 1100, 1100)};
  const AnyBias bias;
  for (const auto& entry : registry<Normalizer>()) {
    const std::string name(entry.name);
    if (name == "sink_logit") continue;  // its parameter needs a model; see reference_test
    INFO(name);
    const Kind<Normalizer> normalizer(name);
    check(
        {{a.T, 3 * a.D}, {1, a.D}, {1, a.D}},
        [&](Tape& tape, const auto& in) {
          AttentionSpec spec = spec_of(a, *normalizer, bias);
          spec.slot_key = in[1];
          spec.slot_value = in[2];
          return attention(tape, in[0], spec);
        },
        [&](const auto& in) {
          using S = std::decay_t<decltype(in[0][0])>;
          reference::Normalization<S> how(settings_of(name), name);
          how.tokens = a.T;
          std::vector<S> mix;
          for (int i = 0; i < a.T; ++i) {
            std::vector<S> scores;
            const auto score = [&](const S* key) {
              S s(0.0);
              for (int d = 0; d < a.D; ++d) s += in[0][i * 12 + d] * key[d] / std::sqrt(a.D);
              scores.push_back(s);
            };
            for (int j = 0; j < a.T; ++j)
              if (mask.visible(i, a.T).contains(j)) score(&in[0][j * 12 + 4]);
            score(in[1].data());
            const std::vector<S> weights = reference::weights_of_scores(how, scores);
            for (int d = 0; d < a.D; ++d) {
              S sum = weights.back() * in[2][d];
              size_t n = 0;
              for (int j = 0; j < a.T; ++j)
                if (mask.visible(i, a.T).contains(j)) sum += weights[n++] * in[0][j * 12 + 8 + d];
              mix.push_back(sum);
            }
          }
          return mix;
        });
  }
}

// Weights and ∂L/∂score against the reference, where L is a product of the weights with `dA`.
void check_extreme(Kind<Normalizer>& kind, const reference::Normalization<Dual>& how,
                   const std::vector<float>& scores) {
  const auto n = static_cast<int64_t>(scores.size());
  std::vector<float> dA(n, 1.0f);
  dA[0] = -2.0f;
  std::vector<Dual> s(scores.begin(), scores.end());
  for (int64_t j = 0; j < n; ++j) s[j].slopes[j] = 1;
  const std::vector<Dual> truth = reference::weights_of_scores(how, s);
  Dual loss(0.0);
  for (int64_t j = 0; j < n; ++j) loss += double{dA[j]} * truth[j];

  RowState state = kind->start(0, n, n);
  std::vector<float> row = scores, weights(n), grad = dA;
  kind->extend(state, row.data(), n);
  kind->weigh(state, scores.data(), weights.data(), n);
  const float dot = kind->two_passes() ? kind->partial_dot(state, scores.data(), dA.data(), n)
                                       : static_cast<float>(loss.value);
  kind->backward(state, dot, scores.data(), weights.data(), grad.data(), n);
  for (int64_t j = 0; j < n; ++j) {
    INFO(j, " of ", n, ", score ", scores[j]);
    CHECK(std::abs(weights[j] - truth[j].value) <= 1e-6 * std::max(1.0, truth[j].value));
    CHECK(std::abs(grad[j] - loss.slopes[j]) <= 3e-6);  // ‖dA‖₁ times what fp32 rounds
    if (!kind->two_passes())
      CHECK(std::abs(row[j] * kind->scale(state) - weights[j]) <= 1e-6f * weights[j]);
  }
}

// Beside a score of 20 the weights near 0 are e^−20 of it; a difference of two powers would carry
// the rounding of s − 20.
TEST_CASE("softpick's weights and gradients near 0 are as exact as floats are") {
  const Kind<Normalizer> softpick("softpick");
  const double eps = 1e-6;
  const std::vector<std::vector<float>> rows = {
      {1e-6f, -1e-6f, 3e-6f, 2e-5f}, {1e-4f, -1e-3f, 1e-3f, 5e-4f}, {0.36f, -0.36f, 0.4f, 1e-3f},
      {0.36f, 0.4f, -0.5f, 20},      {1e-6f, 1e-3f, 0.36f, 20},     {-1e-3f, 0.7f, 1.5f, 60}};
  for (const std::vector<float>& s : rows) {
    const auto n = std::ssize(s);
    double top = 0, Z = eps;
    for (const float x : s) top = std::max(top, static_cast<double>(x));
    for (const float x : s) Z += std::abs(std::expm1(static_cast<double>(x))) * std::exp(-top);
    RowState state = softpick->start(0, n, n);
    std::vector<float> weights = s;
    softpick->extend(state, weights.data(), n);
    softpick->weigh(state, s.data(), weights.data(), n);
    const auto weight = [&](int64_t j) {
      return std::max(0.0, std::expm1(static_cast<double>(s[j]))) * std::exp(-top) / Z;
    };
    for (int64_t j = 0; j < n; ++j) {
      CHECK(std::abs(weights[j] - weight(j)) <= 1e-6 * weight(j));
      std::vector<float> grad(n, 0.0f);
      grad[j] = 1;
      softpick->backward(state, static_cast<float>(weight(j)), s.data(), weights.data(),
                         grad.data(), n);
      for (int64_t k = 0; k < n; ++k) {
        const double slope = std::exp(s[k] - top) / Z, sign = s[k] > 0 ? 1 : -1;
        const double right = slope * ((k == j && s[k] > 0 ? 1.0 : 0.0) - sign * weight(j));
        // fast_exp of s − top, whose rounding at 60 is 4e-6; 1 − A_j cancels.
        CHECK(std::abs(grad[k] - right) < 5e-6 * slope);
      }
    }
  }
}

TEST_CASE("scores of ±1e4 and rows of one key have the weights and gradients of the formula") {
  for (const auto& entry : registry<Normalizer>())
    for (const double normalized : {0.0, 1.0}) {
      const std::string name(entry.name);
      if (normalized == 1 && name != "sigmoid") continue;
      INFO(name);
      Kind<Normalizer> kind(name);
      SetFields options({{"normalized", normalized}});
      kind->options(options);
      ModelConfig config;
      reference::Edits edits{{{"attention.normalizer", name}}, {}};
      if (name == "sigmoid") edits.numbers["attention.normalizer.normalized"] = normalized;
      const reference::Settings settings(config, edits);
      reference::Normalization<Dual> how(settings, name);
      ParameterSet parameters;
      InitConfig init;
      Builder builder(parameters, init, 1);
      kind->build(builder, "attn", 1);
      parameters.allocate(0);  // a sink logit of 0, as the reference's
      for (const std::vector<float>& scores : {std::vector<float>{1e4f, -1e4f, 0, 3, 1e4f},
                                               {-1e4f, -1e4f, -9.9e3f},
                                               {1e4f, 9e3f},
                                               {-1e4f},
                                               {1e4f},
                                               {0}}) {
        how.tokens = static_cast<double>(scores.size());
        check_extreme(kind, how, scores);
      }
    }
}

}  // namespace
}  // namespace waiver
