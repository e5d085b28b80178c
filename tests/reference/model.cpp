#include "reference/model.h"

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/random.h"
#include "reference/weights_of_scores.h"

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

bool contains(const std::vector<double>& list, int64_t number) {
  return std::find(list.begin(), list.end(), static_cast<double>(number)) != list.end();
}

bool has_attention(const Settings& s, int64_t layer) {
  return !contains(s.list("attention.absent"), layer);
}

bool has_mlp(const Settings& s, int64_t layer) {
  return s.word("mlp.kind") != "none" && !contains(s.list("mlp.absent"), layer);
}

/// What a layer knows of positions.
struct Encoding {
  std::string kind;
  double base = 0, fraction = 0, interpolation = 0, scale = 0;
  std::vector<double> slopes;
  int64_t layer, buckets = 0, max_distance = 0;
  bool bidirectional = false;
  std::string table = "embed.position.weight";

  Encoding(const Settings& s, int64_t l, int64_t heads) : layer(l) {
    if (s.length("position")) table = "blocks." + std::to_string(layer) + ".attn.position.weight";
    const std::string key = s.length("position") ? "position." + std::to_string(layer) : "position";
    kind = known(s, key, {"none", "learned", "sinusoidal", "rope", "alibi", "relative"});
    if (kind == "sinusoidal") scale = s.number(key + ".scale");
    if (kind == "rope") {
      base = s.number(key + ".base"), fraction = s.number(key + ".fraction");
      interpolation = s.number(key + ".interpolation");
    }
    if (kind == "relative") {
      buckets = s.count(key + ".buckets"), max_distance = s.count(key + ".max_distance");
      bidirectional = s.flag(key + ".bidirectional");
    }
    if (kind != "alibi") return;
    slopes = s.list(key + ".slopes");
    if (slopes.empty()) slopes = alibi_slopes(heads);
  }
};

// T5's bucket of a distance (1910.10683 and its code): the first half of a direction's buckets one
// by one, the rest in equal steps of log distance.
int64_t bucket_of(const Encoding& e, int64_t distance) {
  int64_t buckets = e.buckets, offset = 0;
  if (e.bidirectional) {
    buckets /= 2;
    if (distance < 0) offset = buckets;
    distance = std::abs(distance);
  }
  distance = std::max<int64_t>(distance, 0);
  const int64_t exact = buckets / 2;
  if (distance < exact) return offset + distance;
  const double steps = std::log(distance / static_cast<double>(exact)) /
                       std::log(e.max_distance / static_cast<double>(exact)) * (buckets - exact);
  return offset + std::min(buckets - 1, exact + static_cast<int64_t>(steps));
}

double sinusoid(int64_t position, int64_t channel, int64_t C) {
  const int64_t i = channel / 2;
  const double angle = position / std::pow(10000.0, 2.0 * i / C);
  return channel % 2 == 0 ? std::sin(angle) : std::cos(angle);
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
  const Settings& settings;
  const Weights<S>& weights;
  const Problem& problem;
  int64_t B, T, N, V, C, H, D, F = 0, layers;
  std::string mask, normalizer, slot, norm, place, qk_norm, gate, activation;
  bool unscaled, attention_bias, mlp_bias = false, norm_bias = false, output_bias, tied;
  double eps = 0, qk_eps = 0;
  std::vector<Encoding> encodings;
  int64_t window, prefix, separator;
  std::vector<double> self_only, self_layers;
  double pattern_dropout;

  Model(const Settings& s, const Weights<S>& w, const Problem& p)
      : settings(s), weights(w), problem(p) {
    B = p.batch, T = p.length, N = B * T, V = p.vocabulary;
    C = s.count("width"), H = s.count("heads"), D = C / H;
    layers = s.count("layers");
    for (int64_t l = 0; l < layers; ++l) encodings.emplace_back(s, l, H);
    mask = known(s, "attention.mask", {"causal", "bidirectional"});
    normalizer = known(
        s, "attention.normalizer",
        {"softmax", "softmax1", "sink_logit", "sigmoid", "elu1", "relu", "softpick", "clipped"});
    window = s.count("attention.mask.window"), prefix = s.count("attention.mask.prefix");
    separator = s.count("attention.mask.separator");
    self_only = s.list("attention.mask.self_only");
    self_layers = s.list("attention.mask.self_only_layers");
    pattern_dropout = s.number("dropout.attention");
    slot = known(s, "attention.slot", {"none", "key", "key_value"});
    unscaled = known(s, "attention.scale", {"sqrt", "none"}) == "none";
    norm = known(s, "norm.kind", {"layer", "rms", "none"});
    if (norm != "none") {
      place = known(s, "norm.place", {"pre", "post", "sandwich"});
      eps = s.number("norm.eps");
    }
    if (norm == "layer") norm_bias = s.flag("norm.bias");
    qk_norm = known(s, "attention.qk_norm", {"none", "layer", "rms"});
    gate = known(s, "attention.gate", {"none", "head", "output", "value"});
    if (gate == "output")
      gate = known(s, "attention.gate.per", {"element", "head"});
    else if (gate == "head")
      gate = "biased head";
    if (qk_norm != "none") qk_eps = s.number("attention.qk_norm.eps");
    activation = known(s, "mlp.kind", {"relu", "gelu", "swiglu", "linear", "none"});
    if (activation != "none") F = s.count("mlp.width"), mlp_bias = s.flag("mlp.bias");
    attention_bias = s.flag("attention.bias");
    output_bias = s.flag("output.bias");
    tied = s.flag("output.tied");
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

  // (x − mean) / √(variance + eps) · gain, or x / √(mean x² + eps) · gain.
  std::vector<S> scaled(std::vector<S> x, bool centred, double epsilon,
                        const std::vector<S>& gain) const {
    const double n = static_cast<double>(x.size());
    S mean(0.0), square(0.0);
    for (const S& v : x) mean += v / n;
    for (S& v : x) v = centred ? v - mean : v;
    for (const S& v : x) square += v * v / n;
    const S deviation = sqrt(square + S(epsilon));
    for (size_t i = 0; i < x.size(); ++i) x[i] = x[i] / deviation * gain[i];
    return x;
  }

  std::vector<S> normed(std::vector<S> x, const std::string& name) const {
    if (norm == "none") return x;
    const std::vector<S>&gain = weight(name + ".gain"), b = bias(name, C, norm_bias);
    for (int64_t n = 0; n < N; ++n) {
      const auto begin = x.begin() + n * C;
      const std::vector<S> row = scaled({begin, begin + C}, norm == "layer", eps, gain);
      for (int64_t c = 0; c < C; ++c) x[n * C + c] = row[c] + b[c];
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
        const Encoding& e = encodings[0];
        if (e.kind == "learned") x[n * C + c] += weight("embed.position.weight")[p * C + c];
        if (e.kind == "sinusoidal") x[n * C + c] += S(e.scale * sinusoid(p, c, C));
      }
    return x;
  }

  // One head's query (part 0), key (1) or value (2) of row n.
  std::vector<S> part(const std::vector<S>& qkv, int64_t n, int64_t part, int64_t h,
                      const std::string& name, const Encoding& e) const {
    const auto begin = qkv.begin() + n * 3 * C + part * C + h * D;
    std::vector<S> x(begin, begin + D);
    if (qk_norm != "none" && part < 2)
      x = scaled(x, qk_norm == "layer", qk_eps,
                 weight(name + (part == 0 ? ".query_norm.gain" : ".key_norm.gain")));
    if (e.kind != "rope" || part == 2) return x;
    const int64_t turned = std::llround(e.fraction * D);
    for (int64_t d = 0; d < turned / 2; ++d) {
      const double angle =
          problem.positions[n % T] / e.interpolation * std::pow(e.base, -2.0 * d / turned);
      const S a = x[d], b = x[d + turned / 2];
      x[d] = a * std::cos(angle) - b * std::sin(angle);
      x[d + turned / 2] = a * std::sin(angle) + b * std::cos(angle);
    }
    return x;
  }

  bool sees(int64_t b, int64_t query, int64_t key, int64_t layer) const {
    if (contains(self_only, query) && (self_layers.empty() || contains(self_layers, layer)))
      return key == query;
    for (int64_t t = std::min(query, key); t < std::max(query, key); ++t)
      if (separator >= 0 && problem.tokens[b * T + t] == separator) return false;
    if (key < prefix) return true;
    if (window > 0 && std::abs(query - key) >= window) return false;
    return mask == "bidirectional" || key <= query;
  }

  S score(const std::vector<S>& q, const std::vector<S>& k, int64_t i, int64_t j, const Encoding& e,
          int64_t h) const {
    S s(0.0);
    for (int64_t d = 0; d < D; ++d) s += q[d] * k[d];
    if (!unscaled) s = s / std::sqrt(static_cast<double>(D));
    const int64_t distance = problem.positions[i] - problem.positions[j];
    if (e.kind == "relative") s += weight(e.table)[h * e.buckets + bucket_of(e, distance)];
    if (e.kind == "alibi") s += S(-e.slopes[h] * static_cast<double>(std::abs(distance)));
    return s;
  }

  // The score of the slot, which no encoding touches.
  S slot_score(const std::vector<S>& q, const std::string& name, int64_t h) const {
    S s(0.0);
    for (int64_t d = 0; d < D; ++d) s += q[d] * weight(name + ".slot.key")[h * D + d];
    return unscaled ? s : s / std::sqrt(static_cast<double>(D));
  }
  S slot_value(const std::string& name, int64_t h, int64_t d) const {
    if (slot == "key") return S(0.0);
    const double norm = settings.number("attention.slot.value_norm");
    return norm > 0 ? S(norm / std::sqrt(static_cast<double>(D)))
                    : weight(name + ".slot.value")[h * D + d];
  }

  // 0, or 1 / (1 − p), by word j mod 4 of index (query's row) · ⌈T / 4⌉ + j / 4.
  double kept(int64_t b, int64_t h, int64_t i, int64_t j, const std::string& name) const {
    if (!problem.noise || pattern_dropout == 0) return 1;
    const Random random(problem.noise->seed, "dropout " + name + ".pattern", problem.noise->step);
    const int64_t row = ((problem.noise->first_sequence + b) * H + h) * T + i;
    const bool stays = random.words(row * ((T + 3) / 4) + j / 4)[j % 4] >=
                       std::floor(pattern_dropout * 4294967296.0);
    return stays ? 1 / (1 - pattern_dropout) : 0;
  }

  // Σ_j A_ij v_j of every head, side by side.
  std::vector<S> mixed(const std::vector<S>& qkv, const std::string& name,
                       const Encoding& e) const {
    std::vector<S> mix(N * C, S(0.0));
    Normalization<S> normalization(settings, normalizer);
    normalization.tokens = static_cast<double>(T);
    for (int64_t b = 0; b < B; ++b)
      for (int64_t h = 0; h < H; ++h) {
        if (normalizer == "sink_logit") normalization.sink_logit = weight(name + ".sink_logit")[h];
        std::vector<std::vector<S>> q, k, v;
        for (int64_t t = 0; t < T; ++t) {
          q.push_back(part(qkv, b * T + t, 0, h, name, e));
          k.push_back(part(qkv, b * T + t, 1, h, name, e));
          v.push_back(part(qkv, b * T + t, 2, h, name, e));
        }
        for (int64_t i = 0; i < T; ++i) {
          std::vector<int64_t> keys;
          std::vector<S> scores;
          for (int64_t j = 0; j < T; ++j)
            if (sees(b, i, j, e.layer)) {
              keys.push_back(j);
              scores.push_back(score(q[i], k[j], i, j, e, h));
            }
          if (slot != "none") scores.push_back(slot_score(q[i], name, h));
          const std::vector<S> pattern = weights_of_scores(normalization, scores);
          for (int64_t d = 0; d < D; ++d) {
            S& y = mix[(b * T + i) * C + h * D + d];
            for (size_t n = 0; n < keys.size(); ++n)
              y += pattern[n] * v[keys[n]][d] * kept(b, h, i, keys[n], name);
            if (slot != "none") y += pattern.back() * slot_value(name, h, d);
          }
        }
      }
    return mix;
  }

  S activated(const S& x) const {
    if (activation == "gelu") return 0.5 * x * (S(1.0) + erf_of(x / std::sqrt(2.0)));
    if (activation == "relu") return real_part(x) > 0 ? x : S(0.0);
    return x;
  }

  // What σ is taken of for one channel of head h: from the input x of attention, or the value.
  S gate_logit(const std::vector<S>& x, const std::vector<S>& qkv, const std::vector<S>& w,
               int64_t n, int64_t h, int64_t d) const {
    S sum(0.0);
    if (gate == "value")
      for (int64_t e = 0; e < D; ++e)
        sum += qkv[n * 3 * C + 2 * C + h * D + e] * w[(h * D + e) * D + d];
    else if (gate == "element")
      for (int64_t c = 0; c < C; ++c) sum += x[n * C + c] * w[c * C + h * D + d];
    else
      for (int64_t c = 0; c < C; ++c) sum += x[n * C + c] * w[c * H + h];
    return sum;
  }

  std::vector<S> gated(std::vector<S> mix, const std::vector<S>& x, const std::vector<S>& qkv,
                       const std::string& name) const {
    if (gate == "none") return mix;
    const std::vector<S>&w = weight(name + ".weight"), b = bias(name, H, gate == "biased head");
    for (int64_t n = 0; n < N; ++n)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t d = 0; d < D; ++d) {
          S& y = mix[n * C + h * D + d];
          y = y * sigmoid(gate_logit(x, qkv, w, n, h, d) + b[h]);
        }
    return mix;
  }

  std::vector<S> attention(const std::vector<S>& x, const std::string& name,
                           const Encoding& e) const {
    const std::vector<S> qkv = affine(x, name + ".qkv", 3 * C, attention_bias);
    const std::vector<S> mix = gated(mixed(qkv, name, e), x, qkv, name + ".gate");
    return affine(mix, name + ".out", C, attention_bias);
  }

  // Element i of the whole batch stays where word i mod 4 of index i / 4 is large enough.
  std::vector<S> dropped(std::vector<S> x, double p, const std::string& place) const {
    if (!problem.noise || p == 0) return x;
    const Random random(problem.noise->seed, "dropout " + place, problem.noise->step);
    for (size_t i = 0; i < x.size(); ++i) {
      const uint64_t at = problem.noise->first_sequence * T * C + i;
      const bool stays = random.words(at / 4)[at % 4] >= std::floor(p * 4294967296.0);
      x[i] = stays ? x[i] / (1 - p) : S(0.0);
    }
    return x;
  }

  std::vector<S> mlp(const std::vector<S>& x, const std::string& name) const {
    std::vector<S> hidden = affine(x, name + ".up", F, mlp_bias);
    for (S& v : hidden) v = activated(v);
    if (activation == "swiglu") {
      const std::vector<S> gate = affine(x, name + ".gate", F, mlp_bias);
      for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = gate[i] * sigmoid(gate[i]) * hidden[i];
    }
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
    std::vector<S> x = dropped(embedded(), settings.number("dropout.embedding"), "embed");
    // x joined by f, the branch called `part`, with the norms around it.
    const auto join = [&](const std::string& name, const std::string& part, const auto& f) {
      std::vector<S> y = f(place == "post" ? x : normed(x, name), part);
      if (place == "sandwich") y = normed(y, name + "_out");
      y = dropped(y, settings.number("dropout.residual"), part);
      for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
      if (place == "post") x = normed(x, name);
    };
    for (int64_t l = 0; l < layers; ++l) {
      const std::string block = "blocks." + std::to_string(l);
      if (has_attention(settings, l))
        join(block + ".norm1", block + ".attn",
             [&](const auto& in, const auto& name) { return attention(in, name, encodings[l]); });
      if (has_mlp(settings, l))
        join(block + ".norm2", block + ".mlp",
             [&](const auto& in, const auto& name) { return mlp(in, name); });
    }
    if (place != "post") x = normed(x, "final.norm");
    Output<S> out{S(0.0), logits(x)};
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
  const int64_t C = s.count("width"), context = s.count("context");
  std::map<std::string, std::vector<int64_t>> shapes;
  const auto affine = [&](const std::string& name, int64_t in, int64_t out, bool bias) {
    shapes[name + ".weight"] = {in, out};
    if (bias) shapes[name + ".bias"] = {out};
  };
  const std::string kind = s.word("norm.kind");
  const std::string place = kind == "none" ? "" : s.word("norm.place");
  const auto norm = [&](const std::string& name, const std::vector<std::string>& places) {
    if (std::find(places.begin(), places.end(), place) == places.end()) return;
    shapes[name + ".gain"] = {C};
    if (kind == "layer" && s.flag("norm.bias")) shapes[name + ".bias"] = {C};
  };
  const std::vector<std::string> everywhere = {"pre", "post", "sandwich"};
  shapes["embed.token.weight"] = {V, C};
  if (s.length("position") == 0 && s.word("position") == "learned")
    shapes["embed.position.weight"] = {context, C};
  for (int64_t l = 0; l < s.count("layers"); ++l)
    if (const Encoding e(s, l, s.count("heads")); e.kind == "relative")
      shapes[e.table] = {s.count("heads"), e.buckets};
  for (int64_t l = 0; l < s.count("layers"); ++l) {
    const std::string block = "blocks." + std::to_string(l);
    if (has_attention(s, l)) {
      norm(block + ".norm1", everywhere);
      norm(block + ".norm1_out", {"sandwich"});
      affine(block + ".attn.qkv", C, 3 * C, s.flag("attention.bias"));
      affine(block + ".attn.out", C, C, s.flag("attention.bias"));
      if (s.word("attention.normalizer") == "sink_logit")
        shapes[block + ".attn.sink_logit"] = {s.count("heads")};
      const std::string slot = s.word("attention.slot");
      const std::vector<int64_t> of_slot = {s.count("heads"), C / s.count("heads")};
      if (slot != "none") shapes[block + ".attn.slot.key"] = of_slot;
      if (slot == "key_value" && s.number("attention.slot.value_norm") == 0)
        shapes[block + ".attn.slot.value"] = of_slot;
      const std::string gate = s.word("attention.gate");
      const int64_t H = s.count("heads"), D = C / H;
      if (gate == "head") affine(block + ".attn.gate", C, H, true);
      if (gate == "output")
        affine(block + ".attn.gate", C, s.word("attention.gate.per") == "head" ? H : C, false);
      if (gate == "value") shapes[block + ".attn.gate.weight"] = {H, D, D};
      if (s.word("attention.qk_norm") != "none")
        for (const char* which : {".attn.query_norm.gain", ".attn.key_norm.gain"})
          shapes[block + which] = {D};
    }
    if (!has_mlp(s, l)) continue;
    const int64_t F = s.count("mlp.width");
    norm(block + ".norm2", everywhere);
    norm(block + ".norm2_out", {"sandwich"});
    affine(block + ".mlp.up", C, F, s.flag("mlp.bias"));
    if (s.word("mlp.kind") == "swiglu") affine(block + ".mlp.gate", C, F, s.flag("mlp.bias"));
    affine(block + ".mlp.down", F, C, s.flag("mlp.bias"));
  }
  norm("final.norm", {"pre", "sandwich"});
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
