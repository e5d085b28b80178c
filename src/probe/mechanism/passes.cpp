#include "probe/mechanism/passes.h"

#include <algorithm>
#include <numeric>

#include "core/set_fields.h"
#include "probe/reduce.h"
#include "probe/waiver_place.h"

namespace waiver {
namespace {

// The attention patterns of one sequence.
struct Patterns : Capture {
  explicit Patterns(bool shares) : shares(shares) {}
  bool wants(int64_t, std::string_view point) const override { return point == "attn.pattern"; }
  void take(int64_t layer, std::string_view, const Tensor& t) override {
    maps[layer] = t;
    if (!shares) make_shares(t);
  }
  // The proxy of metrics: every row divided by its sum. Nothing reads the weights after this point.
  static void make_shares(const Tensor& t) {
    const int64_t S = t.shape[-1];
    for (int64_t row = 0; row < t.size() / S; ++row) {
      float* A = t.data + row * S;
      const double sum = std::accumulate(A, A + S, 1e-8);
      for (int64_t k = 0; k < S; ++k) A[k] = static_cast<float>(A[k] / sum);
    }
  }
  bool shares;
  std::map<int64_t, Tensor> maps;
};

// E_k of one head of one sequence, from weights [T, T] whose rows are `stride` apart.
double enrichment_of(const float* A, int64_t stride, const std::vector<VisibleKeys>& seen,
                     int64_t k) {
  const int64_t T = std::ssize(seen);
  double sum = 0, uniform = 0;
  for (int64_t i = 0; i < T; ++i) {
    if (i == k || !seen[i].contains(k)) continue;
    sum += A[i * stride + k];
    uniform += 1.0 / static_cast<double>(seen[i].size());
  }
  return uniform > 0 ? sum / uniform : 0;
}

}  // namespace

Passes::Passes(const Transformer& model, Prober& prober) : model_(model), prober_(prober) {}

Pass Passes::run(std::vector<EditConfig> edits, const PositionNames& names) {
  Edits all(std::move(edits), config(), tokens(), names);
  prober_.measure(false, &all);
  const std::string shares = prober_.find("proxy_received_attention") ? "proxy_" : "";
  return {prober_.value("loss").front(), prober_.value(shares + "received_attention"),
          prober_.value(shares + "enrichment"), prober_.value("value_ratio"),
          prober_.value(shares + "sink_rate")};
}

double Passes::first_choice(std::vector<EditConfig> edits, const PositionNames& names,
                            const std::vector<HeadIndex>& heads,
                            const std::vector<int64_t>& candidates, int64_t k) {
  Edits all(std::move(edits), config(), tokens(), names);
  const int64_t T = tokens(), B = std::ssize(prober_.sequences()) / T;
  std::vector<int32_t> positions(T);
  std::iota(positions.begin(), positions.end(), 0);
  all.edit_positions(positions);
  Arena arena;
  double chosen = 0;
  for (int64_t b = 0; b < B; ++b) {
    const auto begin = prober_.sequences().begin() + b * T;
    std::vector<int32_t> tokens(begin, begin + T);
    all.edit_tokens(tokens, model_.vocabulary());
    arena.reset();
    Tape tape(arena, false);
    Patterns patterns(config().attention.normalizer->shares());
    const Input input = {tokens, 1, T, positions, {}, &all};
    model_.forward(tape, input, &patterns);
    for (const HeadIndex& h : heads) {
      const std::vector<VisibleKeys> seen = model_.visible_keys(h.layer, input);
      const int64_t S = config().sink_tokens + T;
      const float* A =
          patterns.maps.at(h.layer).data + h.head * S * S + config().sink_tokens * (S + 1);
      const double own = enrichment_of(A, S, seen, k);
      chosen += std::ranges::all_of(
          candidates, [&](int64_t j) { return j == k || enrichment_of(A, S, seen, j) < own; });
    }
  }
  return chosen / static_cast<double>(B * std::ssize(heads));
}

std::vector<HeadIndex> Passes::all_heads() const {
  std::vector<HeadIndex> out;
  for (int64_t l = 0; l < config().layers; ++l)
    for (int64_t h = 0; h < config().heads && config().has_attention(l); ++h) out.push_back({l, h});
  return out;
}

std::vector<int64_t> Passes::candidates() const {
  const std::vector<float> all = prober_.key_visibility();
  const auto first = all.begin() + all_heads().front().layer * tokens();
  return candidate_keys(std::vector<double>(first, first + tokens()));
}

double Passes::mean(const std::vector<float>& series, const std::vector<HeadIndex>& heads,
                    int64_t key) const {
  double sum = 0;
  for (const HeadIndex& h : heads) sum += at(series, h, key);
  return sum / static_cast<double>(heads.size());
}

double Passes::median(const std::vector<float>& series, const std::vector<HeadIndex>& heads,
                      int64_t key) const {
  std::vector<double> all;
  for (const HeadIndex& h : heads) all.push_back(at(series, h, key));
  return waiver::median(all);
}

EditConfig make_edit(std::vector<std::string> at, const std::string& rule,
                     std::vector<std::string> positions, SetFields::Values options) {
  EditConfig edit;
  edit.at = std::move(at);
  edit.edit.set(rule);
  SetFields fields(std::move(options));
  edit.edit->options(fields);
  edit.positions = std::move(positions);
  return edit;
}

}  // namespace waiver
