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
/// `waiver` is the strongest, as elsewhere (probe/events/waiver_place.h), or a token that stands
/// elsewhere in each sequence and is the only one of its role (Dataset::key_role); where there are
/// none, it is not any single head's key but the one that all heads together attend to most.
/// Attention is that of all queries, or, where for these no key is a sink, of the queries of the
/// role for which one is the strongest, if the task has answers for such queries.
struct Subject {
  Passes& passes;
  Pass natural;
  WaiverThresholds thresholds;

  Key waiver = {};                    // the key whose selection is studied
  int64_t queries = 0;                // an entry of the axis query_role
  Verdict status = Verdict::neither;  // on that key, for these queries
  std::vector<HeadIndex> heads = {};  // in which it is a sink; every head where there is none
  std::vector<Key> others = {};       // keys that it is compared with
  std::vector<Key> candidates = {};   // positions, each beside the waiver where that stands there
  std::vector<int64_t> places = {};   // these positions

  bool is_sink() const { return status != Verdict::neither; }
  /// The first layer with one of the heads.
  int64_t onset_layer() const { return heads.front().layer; }
  /// Those of `heads` that see effective encodings: after the first block.
  std::vector<HeadIndex> later_heads() const;
  std::vector<PositionNames> names(const Key& other) const;
  /// Of one head.
  double received(const Pass& pass, const HeadIndex& h, const Key& key) const {
    return passes.of_queries(pass.received, queries, h, key);
  }
  /// Means and a median over the subject's heads, or those given.
  double received(const Pass& pass, const std::vector<HeadIndex>& of, const Key& key) const;
  double received(const Pass& pass, const Key& key) const { return received(pass, heads, key); }
  double enrichment(const Pass& pass, const std::vector<HeadIndex>& of, const Key& key) const;
  double enrichment(const Pass& pass, const Key& key) const { return enrichment(pass, heads, key); }
  double value_ratio(const Pass& pass, const std::vector<HeadIndex>& of, const Key& key) const;
  double value_ratio(const Pass& pass, const Key& key) const {
    return value_ratio(pass, heads, key);
  }
  /// Median over `others` of f(other, the edited pass).
  double over_others(const std::vector<EditConfig>& edits,
                     const std::function<double(const Key&, const Pass&)>& f) const;
  /// What a token is made of: its id, and its features where the model takes those.
  std::vector<std::string> content() const;
};

/// How much of the attention moves from the waiver w to another key k when the two trade places,
/// (α'_k − α_k) / (α_w − α_k) with α' after the swap: 0 where nothing moves, 1 where all of it
/// does.
/// Mean α of the subject's heads, median over the other keys.
struct FollowRates {
  double encoding = 0, content = 0, both = 0;  // what was swapped: position ids, contents, both,
  double effective = 0;  // or effective encodings (probe/effective.h), of the subject's heads after
                         // the first block; NaN where there are none
  double moved = 0;  // Δloss with effective encodings exchanged, nat; median over the other keys;
                     // NaN where the model has none
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
  int64_t waiver = 0;        // its position; −1 where it stands elsewhere in each sequence
  std::string key = {};      // `position 4`, or the role
  int64_t key_role = -1;     // an entry of that axis; −1: a position
  int64_t query_role = 0;    // the queries whose attention counts, an entry of that axis
  std::string queries = {};  // its name
  Verdict status = Verdict::neither;
  std::vector<HeadIndex> heads;
  std::vector<int64_t> others;  // positions; where the waiver stands there, the next one
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

/// Why the mechanism of such a model cannot be asked for on sequences of T tokens, or an empty
/// string.
std::string refuse_mechanism(const ModelConfig& model, int64_t T);
/// Throws the UsageError that the shortest sequence of the probe batch, which has this many tokens,
/// has too few of them.
[[noreturn]] void refuse_shortest(int64_t tokens);

}  // namespace waiver
