#include <fmt/format.h>

#include "core/statistics/order.h"
#include "probe/mechanism/mechanism.h"

// W4, W5, W6 and W9: which cue selects the waiver.

namespace waiver {
namespace {

bool absolute(const Subject& s) {
  const ModelConfig& m = s.passes.config();
  return m.position.count() == 0 && adds_vectors(m.position.of_layer(0)->acts());
}
bool no_encoding(const Subject& s) { return s.passes.config().position.name() == "none"; }
bool bidirectional(const Subject& s) { return s.passes.config().attention.mask->sees_future(); }
// Neither causal nor bidirectional: the prefix sees itself whole.
bool has_prefix(const Subject& s) { return s.passes.config().attention.mask->prefix() > 1; }

}  // namespace

namespace {

constexpr struct {
  double most = .95, half = .5;  // share of prompts
} kFirstChoice;

}  // namespace

static Finding try_content_ignored(Subject& s, const FollowRates&) {
  double share = 0;
  for (const Key& other : s.others) {
    const Pass pass = s.passes.run(
        {make_edit(s.content(), "patch", {"waiver"}, {{"from", "other"}})}, s.names(other));
    share += s.passes.first_choice(pass, s.queries, s.heads, s.places, s.waiver);
  }
  share /= static_cast<double>(s.others.size());
  const double natural = s.passes.first_choice(s.natural, s.queries, s.heads, s.places, s.waiver);
  Finding out{judge(share >= kFirstChoice.most, share < kFirstChoice.half),
              {{"natural", natural}, {"replaced", share}}};
  if (bidirectional(s) || has_prefix(s)) out.outcome = Outcome::does_not_apply;
  return out;
}

Hypothesis w4_content_ignored_hypothesis() {
  return {"W4", "causal selection ignores the content",
          fmt::format("with another token in its place, it is the first choice of ≥ {} of prompts; "
                      "refuted: below {}",
                      percent(kFirstChoice.most), percent(kFirstChoice.half)),
          try_content_ignored};
}

static Finding try_swap(Subject& s, const FollowRates& f) {
  Finding out{Outcome::does_not_apply,
              {{"encoding", f.encoding}, {"content", f.content}, {"both", f.both}}};
  if (has_prefix(s)) return out;
  const auto [all, none] = kFollow;
  if (absolute(s) && bidirectional(s)) out.outcome = judge(f.encoding >= all, f.encoding <= none);
  if (!absolute(s) && !bidirectional(s))
    out.outcome =
        judge(f.encoding <= none && f.content <= none, f.encoding >= all || f.content >= all);
  if (no_encoding(s) && bidirectional(s)) out.outcome = judge(f.content >= all, f.content <= none);
  if (absolute(s) && !bidirectional(s)) out.note = "W6 asks this";
  return out;
}

Hypothesis w5_swap_hypothesis() {
  return {
      "W5", "the cell's own cue selects",
      fmt::format("absolute + bidirectional: follows the encoding ≥ {0} (refuted: ≤ {1}); none, "
                  "rotary or biased + causal: follows neither (both ≤ {1}; refuted: one ≥ {0}); "
                  "none + bidirectional: follows the content ≥ {0} (refuted: ≤ {1})",
                  decimal(kFollow.all), decimal(kFollow.none)),
      try_swap};
}

namespace {

constexpr struct {
  double position = .8, mask = .2;  // S above, or below
} kCue;

}  // namespace

static Finding try_encoding_swap(Subject& s, const FollowRates&) {
  const std::vector<EditConfig> swap = {
      make_edit({point_name(-1, Point::positions)}, "swap", {"waiver", "other"})};
  const double S = s.over_others(swap, [&](const Key& other, const Pass& pass) {
    const double at_other = s.enrichment(pass, other), at_waiver = s.enrichment(pass, s.waiver);
    return at_other / (at_other + at_waiver);
  });
  Finding out{Outcome::does_not_apply, {{"S", S}}};
  if (absolute(s) && !bidirectional(s) && !has_prefix(s))
    out.outcome = S > kCue.position ? Outcome::position_selected
                  : S < kCue.mask   ? Outcome::mask_selected
                                    : Outcome::mixed;
  return out;
}

Hypothesis w6_encoding_swap_hypothesis() {
  return {"W6", "absolute + causal: which of two cues",
          fmt::format("S = E_k ÷ (E_w + E_k) with encodings swapped: > {} position-selected, < {} "
                      "mask-selected",
                      decimal(kCue.position), decimal(kCue.mask)),
          try_encoding_swap};
}

namespace {

constexpr struct {
  double strong = .9, weak = .5;  // Spearman's correlation
} kDose;

/// E of the waiver in these heads by the dose β of what is at `point`.
struct DoseResponse {
  std::vector<double> doses, enrichment;
  double loss_without = 0;  // at dose 0

  DoseResponse(Subject& s, const std::vector<HeadIndex>& heads, const std::string& point,
               bool of_noise = false) {
    const std::vector<PositionNames> names = s.names(s.others.front());
    std::vector<EditConfig> edits;
    if (of_noise) edits.push_back(make_edit({point}, "noise", {"waiver"}));
    for (double beta = 0; beta <= 2; beta += 0.25) {
      edits.push_back(make_edit({point}, "scale", {"waiver"}, {{"by", beta}}));
      doses.push_back(beta);
      const Pass pass = s.passes.run(edits, names);
      if (beta == 0) loss_without = pass.loss;
      enrichment.push_back(s.enrichment(pass, heads, s.waiver));
      edits.pop_back();
    }
  }
  double correlation() const { return rank_correlation(doses, enrichment); }
  double at(double beta) const {
    return enrichment[std::ranges::find(doses, beta) - doses.begin()];
  }
};

}  // namespace

static Finding try_dose(Subject& s, const FollowRates&) {
  if (!absolute(s)) return {Outcome::does_not_apply, {}};
  const ModelConfig& m = s.passes.config();
  const bool embedded = m.position.of_layer(0)->acts() == Acts::on_embeddings;
  const std::string point =
      embedded ? point_name(-1, Point::embed_position) : in_every_block(Point::attn_position);
  const DoseResponse encoding(s, s.heads, point), noise(s, s.heads, point, true);
  Finding out{judge(encoding.correlation() >= kDose.strong, encoding.correlation() < kDose.weak),
              {{"spearman", encoding.correlation()},
               {"E_without", encoding.at(0)},
               {"E_twice", encoding.at(2)},
               {"control_spearman", noise.correlation()},
               {"control_E", noise.at(1)}}};
  const std::vector<HeadIndex> later = s.later_heads();
  if (!has_effective_encoding(m) || later.empty()) return out;
  const DoseResponse effective(s, later, point_name(0, Point::effective));
  out.numbers.emplace_back("effective_spearman", effective.correlation());
  out.numbers.emplace_back("effective_E_without", effective.at(0));
  out.numbers.emplace_back("effective_E_twice", effective.at(2));
  out.numbers.emplace_back("effective_loss_without", effective.loss_without - s.natural.loss);
  return out;
}

Hypothesis w9_dose_hypothesis() {
  return {"W9", "absolute encodings carry the choice",
          fmt::format("Spearman(β, E_w) ≥ {} for doses β of the waiver's encoding; refuted: < {}",
                      decimal(kDose.strong), decimal(kDose.weak)),
          try_dose};
}

}  // namespace waiver
