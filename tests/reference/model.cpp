#include "reference/model.h"

#include <algorithm>
#include <cstdlib>

#include "core/error.h"

namespace waiver::reference {
namespace {

using std::exp;
using std::log;
using std::sqrt;

// The word chosen for `key`, which must be one of those that the reference can compute.
std::string known(const Settings& settings, const std::string& key,
                  const std::vector<std::string>& words) {
  const std::string& word = settings.word(key);
  if (std::find(words.begin(), words.end(), word) == words.end())
    throw Error("tests/reference", key + " = " + word + " has no reference yet",
                "Write it in tests/reference/model.cpp.");
  return word;
}

double sinusoid(int64_t position, int64_t channel, int64_t C) {
  const int64_t i = channel / 2;
  const double angle = position / std::pow(10000.0, 2.0 * i / C);
  return channel % 2 == 0 ? std::sin(angle) : std::cos(angle);
}

template <class S>
double largest(const std::vector<S>& x) {
  double top = real_part(x[0]);
  for (const S& v : x) top = std::max(top, real_part(v));
  return top;
}

template <class S>
std::vector<S> softmax(std::vector<S> x) {
  const double top = largest(x);
  S sum(0.0);
  for (S& v : x) sum += v = exp(v - top);
  for (S& v : x) v = v / sum;
  return x;
}

template <class S>
S log_sum_exp(const std::vector<S>& x) {
  const double top = largest(x);
  S sum(0.0);
  for (const S& v : x) sum += exp(v - top);
  return top + log(sum);
}

template <class S>
struct Model {
  const Weights<S>& weights;
  const Problem& problem;
  int64_t B, T, N, V, C, H, D, F, layers;
  std::string position, mask, normalizer, norm, place, activation;
  bool attention_bias, mlp_bias, norm_bias, output_bias, tied;
  double eps, rope_base = 0;

  Model(const Settings& s, const Weights<S>& w, const Problem& p) : weights(w), problem(p) {
    B = p.batch, T = p.length, N = B * T, V = p.vocabulary;
    C = s.count("width"), H = s.count("heads"), D = C / H, F = s.count("mlp.width");
    layers = s.count("layers");
    position = known(s, "position", {"none", "learned", "sinusoidal", "rope", "alibi"});
    mask = known(s, "attention.mask", {"causal", "bidirectional"});
    normalizer = known(s, "attention.normalizer", {"softmax"});
    norm = known(s, "norm.kind", {"layer"});
    place = known(s, "norm.place", {"pre"});
    activation = known(s, "mlp.kind", {"relu", "gelu"});
    attention_bias = s.flag("attention.bias"), mlp_bias = s.flag("mlp.bias");
    norm_bias = s.flag("norm.bias"), output_bias = s.flag("output.bias");
    tied = s.flag("output.tied");
    eps = s.number("norm.eps");
    if (position == "rope") rope_base = s.number("position.base");
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
  std::vector<S> affine(const std::vector<S>& x, const std::string& name, int64_t out,
                        bool biased) const {
    const int64_t in = static_cast<int64_t>(x.size()) / N;
    const std::vector<S>&w = weight(name + ".weight"), b = bias(name, out, biased);
    std::vector<S> y(N * out);
    for (int64_t n = 0; n < N; ++n) {
      for (int64_t o = 0; o < out; ++o) y[n * out + o] = b[o];
      for (int64_t i = 0; i < in; ++i)
        for (int64_t o = 0; o < out; ++o) y[n * out + o] += x[n * in + i] * w[i * out + o];
    }
    return y;
  }

  std::vector<S> normed(std::vector<S> x, const std::string& name) const {
    const std::vector<S>&gain = weight(name + ".gain"), b = bias(name, C, norm_bias);
    for (int64_t n = 0; n < N; ++n) {
      S mean(0.0), variance(0.0);
      for (int64_t c = 0; c < C; ++c) mean += x[n * C + c] / static_cast<double>(C);
      for (int64_t c = 0; c < C; ++c) {
        const S centred = x[n * C + c] - mean;
        variance += centred * centred / static_cast<double>(C);
      }
      const S deviation = sqrt(variance + S(eps));
      for (int64_t c = 0; c < C; ++c)
        x[n * C + c] = (x[n * C + c] - mean) / deviation * gain[c] + b[c];
    }
    return x;
  }

  std::vector<S> embedded() const {
    const std::vector<S>& table = weight("embed.token.weight");
    std::vector<S> x(N * C);
    for (int64_t n = 0; n < N; ++n)
      for (int64_t c = 0; c < C; ++c) {
        const int64_t p = problem.positions[n % T];
        x[n * C + c] = table[problem.tokens[n] * C + c];
        if (position == "learned") x[n * C + c] += weight("embed.position.weight")[p * C + c];
        if (position == "sinusoidal") x[n * C + c] += S(sinusoid(p, c, C));
      }
    return x;
  }

  // One head's query (part 0), key (1) or value (2) of row n.
  std::vector<S> part(const std::vector<S>& qkv, int64_t n, int64_t part, int64_t h) const {
    const auto begin = qkv.begin() + n * 3 * C + part * C + h * D;
    std::vector<S> x(begin, begin + D);
    if (position != "rope" || part == 2) return x;
    for (int64_t d = 0; d < D / 2; ++d) {
      const double angle = problem.positions[n % T] * std::pow(rope_base, -2.0 * d / D);
      const S a = x[d], b = x[d + D / 2];
      x[d] = a * std::cos(angle) - b * std::sin(angle);
      x[d + D / 2] = a * std::sin(angle) + b * std::cos(angle);
    }
    return x;
  }

  bool sees(int64_t query, int64_t key) const { return mask == "bidirectional" || key <= query; }

  S score(const std::vector<S>& q, const std::vector<S>& k, int64_t i, int64_t j,
          double slope) const {
    S s(0.0);
    for (int64_t d = 0; d < D; ++d) s += q[d] * k[d];
    s = s / std::sqrt(static_cast<double>(D));
    const int64_t distance = std::abs(problem.positions[i] - problem.positions[j]);
    return position == "alibi" ? s - S(slope * static_cast<double>(distance)) : s;
  }

  // Σ_j A_ij v_j of every head, side by side.
  std::vector<S> mixed(const std::vector<S>& qkv) const {
    std::vector<S> mix(N * C, S(0.0));
    const std::vector<double> slopes = alibi_slopes(H);
    for (int64_t b = 0; b < B; ++b)
      for (int64_t h = 0; h < H; ++h) {
        std::vector<std::vector<S>> q, k, v;
        for (int64_t t = 0; t < T; ++t) {
          q.push_back(part(qkv, b * T + t, 0, h));
          k.push_back(part(qkv, b * T + t, 1, h));
          v.push_back(part(qkv, b * T + t, 2, h));
        }
        for (int64_t i = 0; i < T; ++i) {
          std::vector<int64_t> keys;
          std::vector<S> scores;
          for (int64_t j = 0; j < T; ++j)
            if (sees(i, j)) {
              keys.push_back(j);
              scores.push_back(score(q[i], k[j], i, j, slopes[h]));
            }
          const std::vector<S> pattern = softmax(scores);
          for (size_t n = 0; n < keys.size(); ++n)
            for (int64_t d = 0; d < D; ++d)
              mix[(b * T + i) * C + h * D + d] += pattern[n] * v[keys[n]][d];
        }
      }
    return mix;
  }

  S activated(const S& x) const {
    if (activation == "gelu") return 0.5 * x * (S(1.0) + erf_of(x / std::sqrt(2.0)));
    return real_part(x) > 0 ? x : S(0.0);
  }

  std::vector<S> attention(const std::vector<S>& x, const std::string& name) const {
    const std::vector<S> qkv = affine(x, name + ".qkv", 3 * C, attention_bias);
    return affine(mixed(qkv), name + ".out", C, attention_bias);
  }

  std::vector<S> mlp(const std::vector<S>& x, const std::string& name) const {
    std::vector<S> hidden = affine(x, name + ".up", F, mlp_bias);
    for (S& v : hidden) v = activated(v);
    return affine(hidden, name + ".down", C, mlp_bias);
  }

  std::vector<S> logits(const std::vector<S>& x) const {
    if (!tied) return affine(x, "output", V, output_bias);
    const std::vector<S>& table = weight("embed.token.weight");
    const std::vector<S> b = bias("output", V, output_bias);
    std::vector<S> y(N * V);
    for (int64_t n = 0; n < N; ++n)
      for (int64_t v = 0; v < V; ++v) {
        y[n * V + v] = b[v];
        for (int64_t c = 0; c < C; ++c) y[n * V + v] += x[n * C + c] * table[v * C + c];
      }
    return y;
  }

  Output<S> run() const {
    std::vector<S> x = embedded();
    const auto add = [&x](const std::vector<S>& branch) {
      for (size_t i = 0; i < x.size(); ++i) x[i] += branch[i];
    };
    for (int64_t l = 0; l < layers; ++l) {
      const std::string block = "blocks." + std::to_string(l);
      add(attention(normed(x, block + ".norm1"), block + ".attn"));
      add(mlp(normed(x, block + ".norm2"), block + ".mlp"));
    }
    Output<S> out{S(0.0), logits(normed(x, "final.norm"))};
    double targets = 0;
    for (const int32_t target : problem.targets) targets += target >= 0;
    for (int64_t n = 0; n < N; ++n) {
      if (problem.targets[n] < 0) continue;
      const auto row = out.logits.begin() + n * V;
      const S loss = log_sum_exp(std::vector<S>(row, row + V)) - row[problem.targets[n]];
      out.loss += loss / targets;
    }
    return out;
  }
};

}  // namespace

std::map<std::string, std::vector<int64_t>> weight_shapes(const Settings& s, int64_t V) {
  const int64_t C = s.count("width"), F = s.count("mlp.width"), context = s.count("context");
  std::map<std::string, std::vector<int64_t>> shapes;
  const auto affine = [&](const std::string& name, int64_t in, int64_t out, bool bias) {
    shapes[name + ".weight"] = {in, out};
    if (bias) shapes[name + ".bias"] = {out};
  };
  const auto norm = [&](const std::string& name) {
    shapes[name + ".gain"] = {C};
    if (s.flag("norm.bias")) shapes[name + ".bias"] = {C};
  };
  shapes["embed.token.weight"] = {V, C};
  if (s.word("position") == "learned") shapes["embed.position.weight"] = {context, C};
  for (int64_t l = 0; l < s.count("layers"); ++l) {
    const std::string block = "blocks." + std::to_string(l);
    norm(block + ".norm1");
    affine(block + ".attn.qkv", C, 3 * C, s.flag("attention.bias"));
    affine(block + ".attn.out", C, C, s.flag("attention.bias"));
    norm(block + ".norm2");
    affine(block + ".mlp.up", C, F, s.flag("mlp.bias"));
    affine(block + ".mlp.down", F, C, s.flag("mlp.bias"));
  }
  norm("final.norm");
  if (!s.flag("output.tied")) shapes["output.weight"] = {C, V};
  if (s.flag("output.bias")) shapes["output.bias"] = {V};
  return shapes;
}

std::vector<double> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<double> slopes;
  for (int64_t h = 0; h < power; ++h) slopes.push_back(std::pow(2.0, -8.0 * (h + 1) / power));
  if (power == heads) return slopes;
  const std::vector<double> finer = alibi_slopes(2 * power);
  for (int64_t h = 0; h < heads - power; ++h) slopes.push_back(finer[2 * h]);
  return slopes;
}

template <class S>
Output<S> run(const Settings& settings, const Weights<S>& weights, const Problem& problem) {
  return Model<S>(settings, weights, problem).run();
}

template Output<double> run(const Settings&, const Weights<double>&, const Problem&);
template Output<Dual> run(const Settings&, const Weights<Dual>&, const Problem&);
template Output<std::complex<double>> run(const Settings&, const Weights<std::complex<double>>&,
                                          const Problem&);

}  // namespace waiver::reference
