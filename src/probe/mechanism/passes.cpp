#include "probe/mechanism/passes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/fields/set_fields.h"
#include "probe/cost.h"
#include "probe/events/waiver_place.h"
#include "probe/metrics/by_role.h"
#include "probe/metrics/reduce.h"
#include "probe/roles.h"
#include "probe/shares.h"

namespace waiver {

/// α, E and r_V of every key of every sequence.
class Passes::Sequences : public Metric {
 public:
  std::vector<SeriesSpec> series() const override { return {}; }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    queries_ = std::ssize(query_role_names(*c_.data));
    const int64_t size = c_.layers * c_.heads * c_.sequences * c_.tokens;
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    received.assign(queries_ * size, unknown);
    enrichment.assign(queries_ * size, unknown);
    value_ratio.assign(size, unknown);
    done_.assign(c_.layers, 0);
  }
  void layer(const LayerView& view) override {
    const int64_t B = view.batch->batch, H = c_.heads, T = c_.tokens, L = c_.layers,
                  first = done_[view.layer];
    const std::vector<Viewers> viewers = count_viewers(view, *c_.data, queries_);
    parallel_tiles(B * H, [&](int64_t i) {
      const int64_t b = i / H, h = i % H;
      const std::vector<double> sums = received_by_role(view, c_, queries_, b, h);
      const double* norms = view.of_values(view.output_value_norms, b, h);
      const double middle = median_value_norm(view, b, h);
      const auto at = [&](int64_t q, int64_t k) {
        return (((q * L + view.layer) * H + h) * c_.sequences + first + b) * T + k;
      };
      for (int64_t k = 0; k < view.length(b); ++k) {
        if (middle != 0) value_ratio[at(0, k)] = norms[k] / middle;
        for (int64_t q = 0; q < queries_; ++q) {
          const Viewers& seen = viewers[(b * queries_ + q) * T + k];
          if (seen.count == 0) continue;
          received[at(q, k)] = sums[q * T + k] / seen.count;
          enrichment[at(q, k)] = sums[q * T + k] / seen.uniform;
        }
      }
    });
    done_[view.layer] += B;
  }

  std::vector<double> received, enrichment, value_ratio;

 private:
  ProbeContext c_;
  int64_t queries_ = 0;
  std::vector<int64_t> done_;  // sequences, of every layer
};

Passes::Passes(const Transformer& model, Prober& prober) : model_(model), prober_(prober) {
  auto own = std::make_unique<Sequences>();
  sequences_ = own.get();
  prober_.add(std::move(own));
}

Pass Passes::run(std::vector<EditConfig> edits, const std::vector<PositionNames>& names) {
  Edits all(std::move(edits), config(), tokens(), names);
  prober_.measure(false, &all);
  const auto has = [&](const std::string& name) { return prober_.find(name) != nullptr; };
  return {prober_.value(cost_series(has)).front(), sequences_->received, sequences_->enrichment,
          sequences_->value_ratio, prober_.value(as_shares("sink_rate", has))};
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
  std::vector<int64_t> keys = candidate_keys(std::vector<double>(first, first + tokens()));
  std::erase_if(keys, [&](int64_t k) { return k >= shortest(); });
  return keys;
}

std::vector<Key> Passes::roles() const {
  const std::vector<std::string> names = key_role_names(data());
  std::vector<Key> out;
  for (int64_t role = 0; role < std::ssize(names); ++role) {
    Key key{names[role], {}};
    for (int64_t b = 0; b < sequences(); ++b) {
      const int32_t* inputs = &prober_.sequences()[b * tokens()];
      std::vector<int64_t> places;
      for (int64_t t = 0; t < length(b); ++t)
        if (data().key_role(inputs, t) == role) places.push_back(t);
      if (places.size() == 1) key.at.push_back(places.front());
    }
    if (std::ssize(key.at) == sequences() && !key.is_position()) out.push_back(std::move(key));
  }
  return out;
}

bool Passes::answered(int64_t queries) const {
  bool found = false;
  for (int64_t n = 0; n < std::ssize(prober_.targets()); ++n) {
    if (prober_.targets()[n] < 0) continue;
    const int32_t* inputs = &prober_.sequences()[n / tokens() * tokens()];
    for_entries_of(data().query_role(inputs, n % tokens()), std::ssize(query_role_names(data())),
                   [&](int64_t entry) { found |= entry == queries; });
  }
  return found;
}

bool Passes::without_features(const Key& key) const {
  const int64_t C = config().width;
  for (int64_t b = 0; b < sequences(); ++b) {
    const float* x = &prober_.features()[(b * tokens() + key.at[b]) * C];
    if (std::any_of(x, x + C, [](float v) { return v != 0; })) return false;
  }
  return true;
}

double Passes::of_key(const std::vector<double>& series, const HeadIndex& h, const Key& key) const {
  Mean mean;
  for (int64_t b = 0; b < sequences(); ++b)
    if (const double x = series[(row(h) + b) * tokens() + key.at[b]]; !std::isnan(x)) mean.add(x);
  return mean.value();
}

double Passes::of_queries(const std::vector<double>& series, int64_t queries, const HeadIndex& h,
                          const Key& key) const {
  return of_key(series, {queries * config().layers + h.layer, h.head}, key);
}

double Passes::first_choice(const Pass& pass, int64_t queries, const std::vector<HeadIndex>& heads,
                            const std::vector<int64_t>& candidates, const Key& key) const {
  double chosen = 0;
  for (const HeadIndex& h : heads)
    for (int64_t b = 0; b < sequences(); ++b) {
      const HeadIndex of_queries = {queries * config().layers + h.layer, h.head};
      const double* E = &pass.enrichment[(row(of_queries) + b) * tokens()];
      const double own = E[key.at[b]];
      // A candidate that no other query of this sequence sees has no enrichment, and is no rival.
      chosen += !std::isnan(own) && std::ranges::all_of(candidates, [&](int64_t j) {
        return j == key.at[b] || !(E[j] >= own);
      });
    }
  return chosen / static_cast<double>(sequences() * std::ssize(heads));
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
