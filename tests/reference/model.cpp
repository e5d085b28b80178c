#include "reference/model.h"

#include <algorithm>

#include "reference/attention.h"

namespace waiver::reference {
namespace {

using std::exp;
using std::log;

bool has_attention(const Settings& s, int64_t layer) {
  return !contains(s.list("attention.absent"), layer);
}

bool has_mlp(const Settings& s, int64_t layer) {
  return s.word("mlp.kind") != "none" && !contains(s.list("mlp.absent"), layer);
}

template <class S>
S log_sum_exp(const std::vector<S>& x) {
  const double top = largest(x);
  S sum(0.0);
  for (const S& v : x) sum += exp(v - top);
  return top + log(sum);
}

template <class S>
struct Model : Parts<S> {
  using Parts<S>::settings, Parts<S>::problem, Parts<S>::weight, Parts<S>::input, Parts<S>::bias,
      Parts<S>::affine, Parts<S>::scaled, Parts<S>::dropped;
  using Parts<S>::B, Parts<S>::C, Parts<S>::H, Parts<S>::R, Parts<S>::L, Parts<S>::T;

  Attention<S> attention;
  std::vector<Encoding> encodings;
  int64_t V, F = 0, layers, dedicated, types, type_separator;
  std::string norm, place, activation, transform = "none";
  bool features, residual, parallel, dedicated_into_attention,
      final_norm = false, embedding_norm = false, mlp_bias = false, norm_bias = false, hidden,
      output_bias = false, tied = false;
  double eps = 0;

  Model(const Settings& s, const Weights<S>& w, const Problem& p)
      : Parts<S>(s, w, p), attention(s, w, p), V(p.vocabulary), layers(s.count("layers")) {
    for (int64_t l = 0; l < layers; ++l) encodings.emplace_back(s, l, H);
    features = s.known("input", {"tokens", "features"}, "model.cpp: Model") == "features";
    residual = s.flag("residual");
    parallel = s.known("block", {"sequential", "parallel"}, "model.cpp: run()") == "parallel";
    types = s.count("token_types.count"), type_separator = s.count("token_types.separator");
    dedicated = s.count("dedicated.count");
    dedicated_into_attention =
        s.known("dedicated.into", {"embeddings", "attention"}, "model.cpp: added()") == "attention";
    norm = s.known("norm.kind", {"layer", "rms", "none"}, "model.cpp: Model");
    if (norm != "none") {
      place = s.known("norm.place", {"pre", "post", "sandwich"}, "model.cpp: Model");
      final_norm = s.flag("norm.final") && place != "post";
      embedding_norm = s.flag("norm.embedding");
      eps = s.number("norm.eps");
    }
    if (norm == "layer") norm_bias = s.flag("norm.bias");
    activation = s.known("mlp.kind", {"relu", "gelu", "gelu_tanh", "swiglu", "linear", "none"},
                         "model.cpp: Model");
    if (activation != "none") F = s.count("mlp.width"), mlp_bias = s.flag("mlp.bias");
    hidden = s.known("output.kind", {"logits", "hidden"}, "model.cpp: logits()") == "hidden";
    if (hidden) return;
    transform = s.known("output.transform", {"none", "relu", "gelu", "gelu_tanh"},
                        "model.cpp: activated()");
    output_bias = s.flag("output.bias");
    tied = s.flag("output.tied");
  }

  std::vector<S> normed(std::vector<S> x, const std::string& name) const {
    if (norm == "none") return x;
    const std::vector<S>&gain = weight(name + ".gain"), b = bias(name, C, norm_bias);
    for (int64_t n = 0; n < std::ssize(x) / C; ++n) {
      const auto begin = x.begin() + n * C;
      const std::vector<S> row = scaled({begin, begin + C}, norm == "layer", eps, gain);
      for (int64_t c = 0; c < C; ++c) x[n * C + c] = row[c] + b[c];
    }
    return x;
  }

  // x [B·places, C], the last L of whose places are tokens, with the vectors of their positions and
  // those of dedicated tokens that are added into attention, or into the embeddings.
  std::vector<S> added(std::vector<S> x, const Encoding& e, int64_t places, bool attention) const {
    for (int64_t n = 0; n < B * places; ++n) {
      const int64_t t = n % places - (places - L);
      if (t < 0) continue;
      const int64_t p = problem.positions[t],
                    d = problem.tokens[n / places * L + t] - (V - dedicated);
      for (int64_t c = 0; c < C; ++c) {
        if (e.kind == "learned" && e.into_attention == attention)
          x[n * C + c] += weight(e.name + ".weight")[p * C + c];
        if (e.kind == "sinusoidal" && e.into_attention == attention)
          x[n * C + c] += S(e.scale * sinusoid(p, c, C));
        if (d >= 0 && dedicated_into_attention == attention)
          x[n * C + c] += weight("embed.dedicated.weight")[d * C + c];
      }
    }
    return x;
  }

  // How many separators stand before token n of all in its sequence, at most types − 1.
  int64_t type_of(int64_t n) const {
    int64_t type = 0;
    for (int64_t before = n / L * L; before < n; ++before)
      type += problem.tokens[before] == type_separator;
    return std::min(type, types - 1);
  }

  // The tokens' embeddings, or features, with what is added to them [B·L, C].
  std::vector<S> embedded() const {
    std::vector<S> x(B * L * C);
    for (int64_t n = 0; n < B * L; ++n)
      for (int64_t c = 0; c < C; ++c) {
        x[n * C + c] = features ? S(problem.features[n * C + c])
                                : weight("embed.token.weight")[problem.tokens[n] * C + c];
        if (types > 0) x[n * C + c] += weight("embed.token_type.weight")[type_of(n) * C + c];
      }
    x = added(x, encodings[0], L, false);
    return embedding_norm ? normed(x, "embed.norm") : x;
  }

  // Every sequence of x [B·L, C] behind the sink tokens [B·T, C].
  std::vector<S> behind_sinks(const std::vector<S>& x) const {
    std::vector<S> y;
    for (int64_t b = 0; b < B; ++b) {
      if (R > 0)
        y.insert(y.end(), weight("embed.sink.weight").begin(), weight("embed.sink.weight").end());
      y.insert(y.end(), x.begin() + b * L * C, x.begin() + (b + 1) * L * C);
    }
    return y;
  }
  std::vector<S> without_sinks(const std::vector<S>& x) const {
    std::vector<S> y;
    for (int64_t b = 0; b < B; ++b)
      y.insert(y.end(), x.begin() + (b * T + R) * C, x.begin() + (b + 1) * T * C);
    return y;
  }

  static S gelu(const S& x) { return 0.5 * x * (S(1.0) + erf_of(x / std::sqrt(2.0))); }

  static S activated(const S& x, const std::string& activation) {
    if (activation == "gelu") return gelu(x);
    if (activation == "gelu_tanh") return gelu_tanh(x);
    if (activation == "relu") return beyond_kink(x) ? x : S(0.0);
    return x;
  }

  std::vector<S> mlp(const std::vector<S>& x, const std::string& name) const {
    std::vector<S> hidden = affine(x, name + ".up", F, mlp_bias);
    for (S& v : hidden) v = activated(v, activation);
    if (activation == "swiglu") {
      const std::vector<S> gate = affine(x, name + ".gate", F, mlp_bias);
      for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = gate[i] * sigmoid(gate[i]) * hidden[i];
    }
    return affine(hidden, name + ".down", C, mlp_bias);
  }

  // Logits [B·L, V], or the answers to features, or the stream [B·L, C].
  std::vector<S> logits(std::vector<S> x) const {
    if (features || hidden) return x;
    if (transform != "none") {
      x = affine(x, "output.transform", C, true);
      for (S& v : x) v = activated(v, transform);
      x = normed(x, "output.norm");
    }
    if (!tied) return affine(x, "output", V, output_bias);
    const std::vector<S>& table = weight("embed.token.weight");
    const std::vector<S> b = bias("output", V, output_bias);
    std::vector<S> y(B * L * V);
    for (int64_t n = 0; n < B * L; ++n)
      for (int64_t v = 0; v < V; ++v) {
        y[n * V + v] = b[v];
        for (int64_t c = 0; c < C; ++c)
          y[n * V + v] += input(x[n * C + c]) * input(table[v * C + c]);
      }
    return y;
  }

  Output<S> run() const {
    std::vector<S> x =
        behind_sinks(dropped(embedded(), settings.number("dropout.embedding"), "embed"));
    // x joined by f of `from`, the branch called `part`, with the norms around it.
    const auto join = [&](const std::vector<S>& from, const std::string& name,
                          const std::string& part, const auto& enter, const auto& f) {
      const std::vector<S> in = enter(from);
      std::vector<S> y = f(place == "post" ? in : normed(in, name), part);
      if (place == "sandwich") y = normed(y, name + "_out");
      y = dropped(y, settings.number("dropout.residual"), part);
      for (size_t i = 0; i < x.size(); ++i) x[i] = residual ? x[i] + y[i] : y[i];
      if (place == "post") x = normed(x, name);
    };
    for (int64_t l = 0; l < layers; ++l) {
      const std::string block = "blocks." + std::to_string(l);
      const std::vector<S> entering = x;
      if (has_attention(settings, l))
        join(
            entering, block + ".norm1", block + ".attn",
            [&](const auto& in) { return added(in, encodings[l], T, true); },
            [&](const auto& in, const auto& name) { return attention.of(in, name, encodings[l]); });
      if (has_mlp(settings, l))
        join(
            parallel ? entering : x, block + ".norm2", block + ".mlp",
            [](const auto& in) { return in; },
            [&](const auto& in, const auto& name) { return mlp(in, name); });
    }
    x = without_sinks(x);
    if (final_norm) x = normed(x, "final.norm");
    Output<S> out{S(0.0), logits(x)};
    out.loss = features || hidden ? squared_error(out.logits) : cross_entropy(out.logits);
    return out;
  }

  S squared_error(const std::vector<S>& x) const {
    double count = 0;
    S sum(0.0);
    for (size_t i = 0; i < x.size(); ++i) {
      if (problem.targets[i / C] < 0) continue;
      const S error = x[i] - S(problem.answers[i]);
      sum += error * error;
      ++count;
    }
    return sum / count;
  }

  S cross_entropy(const std::vector<S>& logits) const {
    double targets = 0;
    for (const int32_t target : problem.targets) targets += target >= 0;
    S sum(0.0);
    for (int64_t n = 0; n < B * L; ++n) {
      if (problem.targets[n] < 0) continue;
      const auto row = logits.begin() + n * V;
      sum += log_sum_exp(std::vector<S>(row, row + V)) - row[problem.targets[n]];
    }
    return targets > 0 ? sum / targets : sum;
  }
};

}  // namespace

std::map<std::string, std::vector<int64_t>> weight_shapes(const Settings& s, int64_t V) {
  const int64_t C = s.count("width"), context = s.count("context"), H = s.count("heads");
  const int64_t K = s.count("kv_heads") > 0 ? s.count("kv_heads") : H;
  const int64_t D = s.count("head_width") > 0 ? s.count("head_width") : C / H;
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
  const bool features = s.word("input") == "features";
  if (!features) shapes["embed.token.weight"] = {V, C};
  if (s.count("token_types.count") > 0)
    shapes["embed.token_type.weight"] = {s.count("token_types.count"), C};
  if (kind != "none" && s.flag("norm.embedding")) norm("embed.norm", everywhere);
  if (s.count("sink_tokens") > 0) shapes["embed.sink.weight"] = {s.count("sink_tokens"), C};
  if (s.count("dedicated.count") > 0)
    shapes["embed.dedicated.weight"] = {s.count("dedicated.count"), C};
  for (int64_t l = 0; l < s.count("layers"); ++l) {
    const Encoding encoding(s, l, s.count("heads"));
    if (encoding.kind == "learned") shapes[encoding.name + ".weight"] = {context, C};
    shapes.merge(encoding.weight_shapes(s.count("heads")));
  }
  for (int64_t l = 0; l < s.count("layers"); ++l) {
    const std::string block = "blocks." + std::to_string(l);
    if (has_attention(s, l)) {
      norm(block + ".norm1", everywhere);
      norm(block + ".norm1_out", {"sandwich"});
      const std::string biases = s.word("attention.bias");
      affine(block + ".attn.qkv", C, (H + 2 * K) * D, biases != "none");
      affine(block + ".attn.out", H * D, C, biases == "all");
      if (s.word("attention.normalizer") == "sink_logit")
        shapes[block + ".attn.sink_logit"] = {s.count("heads")};
      const std::string slot = s.word("attention.slot");
      const std::vector<int64_t> of_slot = {H, D};
      if (slot != "none") shapes[block + ".attn.slot.key"] = of_slot;
      if (slot == "key_value" && s.number("attention.slot.value_norm") == 0)
        shapes[block + ".attn.slot.value"] = of_slot;
      const std::string gate = s.word("attention.gate");
      if (gate == "head") affine(block + ".attn.gate", C, H, true);
      if (gate == "output")
        affine(block + ".attn.gate", C, s.word("attention.gate.per") == "head" ? H : H * D, false);
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
  if (kind != "none" && s.flag("norm.final")) norm("final.norm", {"pre", "sandwich"});
  if (features || s.word("output.kind") == "hidden") return shapes;
  if (s.word("output.transform") != "none") {
    affine("output.transform", C, C, true);
    norm("output.norm", everywhere);
  }
  if (!s.flag("output.tied")) shapes["output.weight"] = {C, V};
  if (s.flag("output.bias")) shapes["output.bias"] = {V};
  return shapes;
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
