#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "reference/model.h"

namespace waiver::reference {

inline bool contains(const std::vector<double>& list, int64_t number) {
  return std::find(list.begin(), list.end(), static_cast<double>(number)) != list.end();
}

/// What attention and the rest of the model share: sizes, weights, and sums over them.
template <class S>
struct Parts {
  const Settings& settings;
  const Weights<S>& weights;
  const Problem& problem;
  int64_t B, C, H, K, D;  // K heads of keys and values
  bool rounds;            // the inputs of products
  int64_t R, L, T;        // sink tokens, tokens, and both: the places of a sequence within blocks

  Parts(const Settings& s, const Weights<S>& w, const Problem& p)
      : settings(s), weights(w), problem(p) {
    rounds = s.known("precision", {"float32", "bfloat16"}, "parts.h: input()") == "bfloat16";
    B = p.batch, L = p.length, R = s.count("sink_tokens"), T = R + L;
    C = s.count("width"), H = s.count("heads"), K = s.count("kv_heads"), D = s.count("head_width");
    if (K == 0) K = H;
    if (D == 0) D = C / H;
  }

  // A number, or all of them, as inputs of a product.
  S input(const S& x) const { return rounds ? rounded(x) : x; }
  std::vector<S> input(std::vector<S> x) const {
    for (S& v : x) v = input(v);
    return x;
  }

  const std::vector<S>& weight(const std::string& name) const {
    const auto found = weights.find(name);
    if (found == weights.end()) throw Error("tests/reference", "no weight is called " + name);
    return found->second;
  }

  // n numbers of a weight; without the weight, all are zero.
  std::vector<S> bias(const std::string& name, int64_t n, bool present) const {
    return present ? weight(name + ".bias") : std::vector<S>(n, S(0.0));
  }

  // x [N, in] → x W + b [N, out].
  std::vector<S> affine(const std::vector<S>& unrounded, const std::string& name, int64_t out,
                        bool biased) const {
    const std::vector<S> x = input(unrounded), w = input(weight(name + ".weight")),
                         b = bias(name, out, biased);
    const int64_t in = std::ssize(w) / out, N = std::ssize(x) / in;
    std::vector<S> y(N * out);
    for (int64_t n = 0; n < N; ++n) {
      for (int64_t o = 0; o < out; ++o) y[n * out + o] = b[o];
      for (int64_t i = 0; i < in; ++i)
        for (int64_t o = 0; o < out; ++o) y[n * out + o] += x[n * in + i] * w[i * out + o];
    }
    return y;
  }

  // (x − mean) / √(variance + eps) · gain, or x / √(mean x² + eps) · gain.
  std::vector<S> scaled(std::vector<S> x, bool centred, double epsilon,
                        const std::vector<S>& gain) const {
    using std::sqrt;
    const double n = static_cast<double>(x.size());
    S mean(0.0), square(0.0);
    for (const S& v : x) mean += v / n;
    for (S& v : x) v = centred ? v - mean : v;
    for (const S& v : x) square += v * v / n;
    const S deviation = sqrt(square + S(epsilon));
    for (size_t i = 0; i < x.size(); ++i) x[i] = x[i] / deviation * gain[i];
    return x;
  }

  // Element i of the whole batch is kept where word i mod 4 of index i / 4 is large enough.
  std::vector<S> dropped(std::vector<S> x, double p, const std::string& place) const {
    if (!problem.noise || p == 0) return x;
    const Random random(problem.noise->seed, "dropout " + place, problem.noise->step);
    for (size_t i = 0; i < x.size(); ++i) {
      const uint64_t at = problem.noise->first_sequence * (x.size() / B) + i;
      const bool stays = random.words(at / 4)[at % 4] >= std::floor(p * 4294967296.0);
      x[i] = stays ? x[i] / (1 - p) : S(0.0);
    }
    return x;
  }
};

}  // namespace waiver::reference
