#include "probe/mechanism/passes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/fields/set_fields.h"
#include "core/statistics.h"
#include "probe/events/waiver_place.h"
#include "probe/metrics/reduce.h"
#include "probe/shares.h"

namespace waiver {
namespace {

// The attention patterns [1, H, S, S] of one sequence, and its queries' weights on a slot [1, H,
// S], all of which stay in the memory of the pass.
struct Patterns : Capture {
  bool wants(int64_t, Point point) const override {
    return point == Point::attn_pattern || point == Point::attn_slot;
  }
  void take(int64_t layer, Point point, const Tensor& t) override {
    (point == Point::attn_pattern ? maps : slots)[layer] = t;
  }
  // The proxy of metrics: every row divided by its sum.
  void make_shares() {
    for (const auto& [layer, map] : maps) {
      const int64_t S = map.shape[-1], has_slot = static_cast<int64_t>(slots.count(layer));
      for (int64_t row = 0; row < map.size() / S; ++row) {
        float* A = map.data + row * S;
        const double divisor =
            proxy_divisor(A, S, has_slot ? slots[layer].data + row : nullptr, has_slot);
        for (int64_t k = 0; k < S; ++k) A[k] = static_cast<float>(A[k] / divisor);
      }
    }
  }
  std::map<int64_t, Tensor> maps, slots;
};

// E_k of one head of one sequence, from weights [T, T] with the given row stride; NaN where no
// other query sees k.
double enrichment_of(const float* A, int64_t stride, const std::vector<VisibleKeys>& seen,
                     int64_t k) {
  const int64_t T = std::ssize(seen);
  double sum = 0, uniform = 0;
  for (int64_t i = 0; i < T; ++i) {
    if (i == k || !seen[i].contains(k)) continue;
    sum += A[i * stride + k];
    uniform += 1.0 / static_cast<double>(seen[i].size());
  }
  return uniform > 0 ? sum / uniform : std::nan("");
}

}  // namespace

Passes::Passes(const Transformer& model, Prober& prober) : model_(model), prober_(prober) {}

Pass Passes::run(std::vector<EditConfig> edits, const PositionNames& names) {
  Edits all(std::move(edits), config(), tokens(), names);
  prober_.measure(false, &all);
  const auto has = [&](const std::string& name) { return prober_.find(name) != nullptr; };
  const auto shares = [&](const char* name) { return prober_.value(as_shares(name, has)); };
  return {prober_.value("loss").front(), shares("received_attention"), shares("enrichment"),
          prober_.value("value_ratio"), shares("sink_rate")};
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
    Patterns patterns;
    const Input input = {tokens, 1, T, positions, {}, &all};
    model_.forward(tape, input, &patterns);
    if (!config().attention.normalizer->shares()) patterns.make_shares();
    for (const HeadIndex& h : heads) {
      const std::vector<VisibleKeys> seen = model_.visible_keys(h.layer, input);
      const int64_t S = config().sink_tokens + T;
      const float* A =
          patterns.maps.at(h.layer).data + h.head * S * S + config().sink_tokens * (S + 1);
      const double own = enrichment_of(A, S, seen, k);
      // A candidate that no other query of this sequence sees has no enrichment, and is no rival.
      chosen += !std::isnan(own) && std::ranges::all_of(candidates, [&](int64_t j) {
        return j == k || !(enrichment_of(A, S, seen, j) >= own);
      });
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
