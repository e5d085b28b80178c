#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "reference/model.h"
#include "reference/settings.h"

namespace waiver::reference {

/// What a layer knows about positions.
struct Encoding {
  std::string kind;
  double base = 0, fraction = 0, interpolation = 0, scale = 0, threshold = 0;
  // RoPE's scaling, of whichever kind.
  std::string scaling = "none";
  double factor = 1, low = 0, high = 0, attention_factor = 0;
  int64_t original_context = 0;
  bool truncate = true;
  std::vector<double> slopes;
  int64_t layer, buckets = 0, max_distance = 0, hidden = 0;
  bool bidirectional = false, into_attention = false;
  std::string name = "embed.position";  // of its weights: {name}.…

  Encoding(const Settings& s, int64_t l, int64_t heads);
  /// The weights by which it changes the scores, and their shapes.
  std::map<std::string, std::vector<int64_t>> weight_shapes(int64_t heads) const;
  /// Whether it adds a vector for each position.
  bool adds() const { return kind == "learned" || kind == "sinusoidal"; }

 private:
  void read_scaling(const Settings& s, const std::string& key);
};

/// By how much RoPE rotates pair d of `turned` channels per position, and what cosines and sines
/// are multiplied by.
double rope_rate(const Encoding& e, int64_t d, int64_t turned);
double rope_factor(const Encoding& e);

/// T5's bucket of a distance (1910.10683 and its code): the first half of a direction's buckets one
/// distance each, the rest in equal steps of log distance.
int64_t bucket_of(const Encoding& e, int64_t distance);

template <class S>
S size_of(const S& x) {
  return real_part(x) < 0 ? -x : x;
}

/// What it adds to the score of head h for the positions of a query and a key.
template <class S>
S score_bias(const Encoding& e, const Weights<S>& weights, int64_t h, int64_t query, int64_t key) {
  const auto weight = [&](const std::string& part) -> const std::vector<S>& {
    return weights.at(e.name + "." + part);
  };
  const auto distance = static_cast<double>(std::abs(query - key));
  if (e.kind == "relative") return weight("weight")[h * e.buckets + bucket_of(e, query - key)];
  if (e.kind == "alibi") return S(-e.slopes[h] * distance);
  if (e.kind == "fire") {
    const auto psi = [&](const S& x) {
      using std::log;
      return log(size_of(weight("c")[0]) * x + S(1.0));
    };
    S most = size_of(weight("factor")[0] * e.threshold);
    if (real_part(most) < static_cast<double>(query)) most = S(static_cast<double>(query));
    const S x = psi(S(distance)) / (psi(most) + S(1e-6));
    const std::vector<S>&up = weight("up.weight"), &down = weight("down.weight");
    const int64_t W = e.hidden, heads = std::ssize(down) / (W + 1);
    S y = down[W * heads + h];
    for (int64_t k = 0; k < W; ++k) {
      const S z = up[k] * x + up[W + k];
      if (real_part(z) > 0) y += down[k * heads + h] * z;
    }
    return y;
  }
  if (e.kind == "kerple") {
    using std::log;
    const S r1 = 2.0 * size_of(weight("weight")[2 * h]), r2 = size_of(weight("weight")[2 * h + 1]);
    return -(r1 * log(S(1.0) + r2 * distance));
  }
  return S(0.0);
}

double sinusoid(int64_t position, int64_t channel, int64_t C);

/// Slopes of ALiBi (2108.12409, §3) for any number of heads.
std::vector<double> alibi_slopes(int64_t heads);

}  // namespace waiver::reference
