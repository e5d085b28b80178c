#pragma once

#include "reference/encoding.h"
#include "reference/parts.h"
#include "reference/weights_of_scores.h"

namespace waiver::reference {

/// Attention of one block: encodings, masks, normalizers, slots, gates.
template <class S>
struct Attention : Parts<S> {
  using Parts<S>::settings, Parts<S>::weights, Parts<S>::problem, Parts<S>::weight, Parts<S>::bias,
      Parts<S>::affine, Parts<S>::scaled, Parts<S>::input;
  using Parts<S>::B, Parts<S>::C, Parts<S>::H, Parts<S>::K, Parts<S>::D, Parts<S>::R, Parts<S>::L,
      Parts<S>::T;

  std::string mask, normalizer, slot, qk_norm, gate;
  bool unscaled, biased, biased_out;
  double qk_eps = 0, pattern_dropout;
  int64_t window, prefix, separator, padding;
  std::vector<double> self_only, self_layers;

  Attention(const Settings& s, const Weights<S>& w, const Problem& p) : Parts<S>(s, w, p) {
    mask = s.known("attention.mask", {"causal", "bidirectional"}, "attention.h: token_sees()");
    normalizer = s.known(
        "attention.normalizer",
        {"softmax", "softmax1", "sink_logit", "sigmoid", "elu1", "relu", "softpick", "clipped"},
        "weights_of_scores.h: weights_of_scores()");
    window = s.count("attention.mask.window"), prefix = s.count("attention.mask.prefix");
    separator = s.count("attention.mask.separator"), padding = s.count("attention.mask.padding");
    self_only = s.list("attention.mask.self_only");
    self_layers = s.list("attention.mask.self_only_layers");
    pattern_dropout = s.number("dropout.attention");
    slot = s.known("attention.slot", {"none", "key", "key_value"}, "attention.h: mixed()");
    unscaled = s.known("attention.scale", {"sqrt", "none"}, "attention.h: score()") == "none";
    qk_norm = s.known("attention.qk_norm", {"none", "layer", "rms"}, "attention.h: part()");
    if (qk_norm != "none") qk_eps = s.number("attention.qk_norm.eps");
    gate = s.known("attention.gate", {"none", "head", "output", "value"}, "attention.h: gated()");
    if (gate == "output")
      gate = s.known("attention.gate.per", {"element", "head"}, "attention.h: gated()");
    else if (gate == "head")
      gate = "biased head";
    const std::string biases =
        s.known("attention.bias", {"none", "all", "qkv"}, "attention.h: of()");
    biased = biases != "none", biased_out = biases == "all";
  }

  // x [B·T, C] → [B·T, C].
  std::vector<S> of(const std::vector<S>& x, const std::string& name, const Encoding& e) const {
    const std::vector<S> qkv = affine(x, name + ".qkv", (H + 2 * K) * D, biased);
    const std::vector<S> mix = gated(mixed(qkv, name, e), x, qkv, name + ".gate");
    return affine(mix, name + ".out", C, biased_out);
  }

  // Where that begins: queries of H heads, keys of K, values of K. Query head h takes the key and
  // the value of head h K / H.
  int64_t at(int64_t n, int64_t part, int64_t h) const {
    const int64_t before = part == 0 ? h : part == 1 ? H + h * K / H : H + K + h * K / H;
    return (n * (H + 2 * K) + before) * D;
  }

  // One head's query (part 0), key (1) or value (2) of row n.
  std::vector<S> part(const std::vector<S>& qkv, int64_t n, int64_t part, int64_t h,
                      const std::string& name, const Encoding& e) const {
    const auto begin = qkv.begin() + at(n, part, h);
    std::vector<S> x(begin, begin + D);
    if (qk_norm != "none" && part < 2)
      x = scaled(x, qk_norm == "layer", qk_eps,
                 weight(name + (part == 0 ? ".query_norm.gain" : ".key_norm.gain")));
    if (e.kind != "rope" || part == 2) return x;
    const int64_t turned = std::llround(e.fraction * D);
    for (int64_t d = 0; d < turned / 2; ++d) {
      const double angle = position(n % T) / e.interpolation * rope_rate(e, d, turned);
      const double cos = rope_factor(e) * std::cos(angle), sin = rope_factor(e) * std::sin(angle);
      const S a = x[d], b = x[d + turned / 2];
      x[d] = a * cos - b * sin;
      x[d + turned / 2] = a * sin + b * cos;
    }
    return x;
  }

  // Places of a sequence: the R sink tokens are at −R … −1.
  int64_t position(int64_t t) const { return t < R ? t - R : problem.positions[t - R]; }

  // Every place sees the sink tokens, and these see only each other; everything else counts without
  // them.
  bool sees(int64_t b, int64_t query, int64_t key, int64_t layer) const {
    if (key < R) return true;
    return query >= R && token_sees(b, query - R, key - R, layer);
  }
  // Of the padding at the end of a sequence.
  bool is_padding(int64_t b, int64_t t) const {
    for (; t < L; ++t)
      if (problem.tokens[b * L + t] != padding) return false;
    return padding >= 0;
  }
  bool token_sees(int64_t b, int64_t query, int64_t key, int64_t layer) const {
    if (contains(self_only, query) && (self_layers.empty() || contains(self_layers, layer)))
      return key == query;
    if (is_padding(b, query) != is_padding(b, key)) return false;
    for (int64_t t = std::min(query, key); t < std::max(query, key); ++t)
      if (separator >= 0 && !is_padding(b, key) && problem.tokens[b * L + t] == separator)
        return false;
    if (key < prefix) return true;
    if (window > 0 && std::abs(query - key) >= window) return false;
    return mask == "bidirectional" || key <= query;
  }

  S score(const std::vector<S>& q, const std::vector<S>& k, int64_t i, int64_t j, const Encoding& e,
          int64_t h) const {
    S s(0.0);
    for (int64_t d = 0; d < D; ++d) s += input(q[d]) * input(k[d]);
    if (!unscaled) s = s / std::sqrt(static_cast<double>(D));
    return s + score_bias(e, weights, h, position(i), position(j));
  }

  // The score of the slot, which no encoding touches.
  S slot_score(const std::vector<S>& q, const std::string& name, int64_t h) const {
    S s(0.0);
    for (int64_t d = 0; d < D; ++d) s += input(q[d]) * input(weight(name + ".slot.key")[h * D + d]);
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
    std::vector<S> mix(B * T * H * D, S(0.0));
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
            S& y = mix[((b * T + i) * H + h) * D + d];
            for (size_t n = 0; n < keys.size(); ++n)
              y += input(pattern[n]) * input(v[keys[n]][d]) * kept(b, h, i, keys[n], name);
            if (slot != "none") y += input(pattern.back()) * input(slot_value(name, h, d));
          }
        }
      }
    return mix;
  }

  // The argument of σ for one channel of head h: from the input x of attention, or from the value.
  S gate_logit(const std::vector<S>& x, const std::vector<S>& qkv, const std::vector<S>& w,
               int64_t n, int64_t h, int64_t d) const {
    S sum(0.0);
    if (gate == "value")
      for (int64_t e = 0; e < D; ++e)
        sum += input(qkv[at(n, 2, h) + e]) * input(w[(h * D + e) * D + d]);
    else if (gate == "element")
      for (int64_t c = 0; c < C; ++c) sum += input(x[n * C + c]) * input(w[(c * H + h) * D + d]);
    else
      for (int64_t c = 0; c < C; ++c) sum += input(x[n * C + c]) * input(w[c * H + h]);
    return sum;
  }

  std::vector<S> gated(std::vector<S> mix, const std::vector<S>& x, const std::vector<S>& qkv,
                       const std::string& name) const {
    if (gate == "none") return mix;
    const std::vector<S>&w = weight(name + ".weight"), b = bias(name, H, gate == "biased head");
    for (int64_t n = 0; n < B * T; ++n)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t d = 0; d < D; ++d) {
          S& y = mix[(n * H + h) * D + d];
          y = y * sigmoid(gate_logit(x, qkv, w, n, h, d) + b[h]);
        }
    return mix;
  }
};

}  // namespace waiver::reference
