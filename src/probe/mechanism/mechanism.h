#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/mechanism/hypothesis.h"
#include "probe/mechanism/passes.h"
#include "probe/metrics/waiver_score.h"

namespace waiver {

/// What the mechanism tests know about a model before they change anything. Where there are sinks,
/// `waiver` is the strongest, as elsewhere (probe/events/waiver_place.h); where there are none, it
/// is not any single head's key but the one that all heads together attend to most.
struct Subject {
  Passes& passes;
  Pass natural;
  WaiverThresholds thresholds;

  int64_t waiver = 0;                 // the key whose selection is studied
  Verdict status = Verdict::neither;  // on that key
  std::vector<HeadIndex> heads = {};  // in which it is a sink; every head where there is none
  std::vector<int64_t> others = {};   // keys that it is compared with
  std::vector<int64_t> candidates = {};

  bool is_sink() const { return status != Verdict::neither; }
  /// The first layer with one of the heads.
  int64_t onset_layer() const { return heads.front().layer; }
  PositionNames names(int64_t other) const {
    return {{"waiver", waiver},
            {"other", other},
            {"beside", other - 1 == waiver || other == 0 ? other + 1 : other - 1}};
  }
  double received(const Pass& pass, int64_t key) const {
    return passes.mean(pass.received, heads, key);
  }
  double enrichment(const Pass& pass, int64_t key) const {
    return passes.mean(pass.enrichment, heads, key);
  }
  double value_ratio(const Pass& pass, int64_t key) const {
    return passes.median(pass.value_ratio, heads, key);
  }
  /// Median over `others` of f(other, the edited pass).
  double over_others(const std::vector<EditConfig>& edits,
                     const std::function<double(int64_t, const Pass&)>& f) const;
};

/// How much of the attention moves from the waiver w to another key k when the two trade places,
/// (α'_k − α_k) / (α_w − α_k) with α' after the swap: 0 where nothing moves, 1 where all of it
/// does.
/// Mean α of the subject's heads, median over the other keys.
struct FollowRates {
  double encoding = 0, content = 0, both = 0;  // what was swapped: position ids, tokens, both
};

/// The rate from which everything counts as moved, and the rate up to which nothing does.
struct FollowThresholds {
  double all = .8, none = .2;
};
inline constexpr FollowThresholds kFollow;

enum class SelectedBy { nothing, mask, position_encoding, feature_distribution, mixed };
/// `position encoding`.
std::string_view to_text(SelectedBy what);

struct Mechanism {
  int64_t waiver = 0;
  Verdict status = Verdict::neither;
  std::vector<HeadIndex> heads;
  std::vector<int64_t> others;
  double received = 0, enrichment = 0, value_ratio = 0;  // of the waiver in the natural pass
  double loss = 0;                                       // of that pass, nat
  FollowRates follows = {};
  /// mask: neither moves it, nor both (≤ none); position encoding: it moves with the encoding (≥
  /// all) and not with the content (≤ none); feature distribution: the reverse; mixed: everything
  /// else; nothing: no key gets 1.1 times the median key's attention.
  SelectedBy selected_by = SelectedBy::nothing;
  std::vector<Finding> findings = {};
};

/// Finds the strongest sink, determines what selects it by the 2×2 swap of encodings and contents,
/// and tests W1 to W10 on it. Edits change the passes only, never the model.
Mechanism find_mechanism(const Transformer& model, Prober& prober,
                         const WaiverThresholds& thresholds = {});

FollowRates follow_rates(Subject& subject);

}  // namespace waiver
