#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/statistics/order.h"
#include "probe/mechanism/mechanism.h"

// W7, W8 and W10: whether a waiver can be made where there was none.

namespace waiver {
namespace {

// In layers 0 … last, row `other` sees only one token: itself, or the one beside it. It still sees
// sink tokens and a slot, which are not tokens of the sequence.
std::vector<EditConfig> alone(const Subject& s, int64_t last, const std::string& seen = "other") {
  EditConfig hide = make_edit({}, "hide", {}, {{"own", "true"}});
  for (const HeadIndex& h : s.passes.all_heads())
    if (h.head == 0 && h.layer <= last) hide.at.push_back(point_name(h.layer, Point::attn_scores));
  hide.queries = {"other"};
  hide.except = {seen};
  return {hide};
}

// E_k over all heads, relative to the natural pass.
double rise(Subject& s, const std::vector<EditConfig>& edits) {
  const std::vector<HeadIndex> all = s.passes.all_heads();
  return s.over_others(edits, [&](const Key& other, const Pass& pass) {
    return s.enrichment(pass, all, other) / s.enrichment(s.natural, all, other);
  });
}

int64_t last_attending(const Subject& s) { return s.passes.all_heads().back().layer; }

}  // namespace

namespace {

constexpr struct {
  double rise = 5;    // factor by which E_k grows
  double small = .5;  // a value ratio
} kSelfOnly;

}  // namespace

static Finding try_self_only(Subject& s, const FollowRates&) {
  const int64_t last = last_attending(s);
  const std::vector<HeadIndex> all = s.passes.all_heads();
  const std::vector<EditConfig> edits = alone(s, last);
  const double control = rise(s, alone(s, last, "beside"));
  std::vector<double> rises;
  // In the heads that attend to it most, as many as those that have the waiver.
  const double ratio = s.over_others(edits, [&](const Key& other, const Pass& pass) {
    rises.push_back(s.enrichment(pass, all, other) / s.enrichment(s.natural, all, other));
    std::vector<HeadIndex> strongest = all;
    std::ranges::stable_sort(strongest, [&](const HeadIndex& a, const HeadIndex& b) {
      return s.received(pass, a, other) > s.received(pass, b, other);
    });
    strongest.resize(s.heads.size());
    return s.value_ratio(pass, strongest, other);
  });
  const double up = median(rises);
  return {judge(up >= kSelfOnly.rise && ratio < kSelfOnly.small,
                up < kSelfOnly.rise && ratio >= kSelfOnly.small),
          {{"rise", up}, {"r_V", ratio}, {"control_rise", control}}};
}

Hypothesis w7_self_only_hypothesis() {
  return {"W7", "a self-only row makes a waiver",
          fmt::format("E_k rises ≥ {} times and r_V(k) < {}; refuted: neither",
                      decimal(kSelfOnly.rise), decimal(kSelfOnly.small)),
          try_self_only};
}

namespace {

constexpr struct {
  double most = .9;   // share of the effect of all layers
  double least = .5;  // the least such effect on E_k
} kEarly;

}  // namespace

static Finding try_self_only_early(Subject& s, const FollowRates&) {
  const int64_t last = last_attending(s);
  const double whole = rise(s, alone(s, last)) - 1;
  // By halves: in more layers the mask does no less.
  int64_t low = 0, enough = last;
  while (low < enough) {
    const int64_t middle = (low + enough) / 2;
    const std::vector<EditConfig> edits = alone(s, middle);
    const bool acts = !edits.front().at.empty();
    if (acts && rise(s, edits) - 1 >= kEarly.most * whole)
      enough = middle;
    else
      low = middle + 1;
  }
  Finding out{judge(enough <= s.onset_layer(), true),
              {{"layer", static_cast<double>(enough)},
               {"onset_layer", static_cast<double>(s.onset_layer())},
               {"whole_effect", whole}}};
  if (whole < kEarly.least) {
    out.outcome = Outcome::undecided;
    out.note = "the mask has no effect";
  }
  return out;
}

Hypothesis w8_self_only_early_hypothesis() {
  return {"W8", "the mask acts early",
          fmt::format("self-only in layers ≤ l gives {} of the effect for an l ≤ the onset layer; "
                      "refuted: it does not. Undecided where the whole effect on E_k is below {}",
                      percent(kEarly.most), decimal(kEarly.least)),
          try_self_only_early};
}

namespace {

constexpr struct {
  double share = .5;  // of E_w
  double small = .5;  // a value ratio
} kPatch;

}  // namespace

static Finding try_feature_patch(Subject& s, const FollowRates&) {
  const int64_t layer = s.onset_layer();
  // Of features that enter the first attention together with learned vectors, ids are a part.
  const bool inputs = layer == 0 && s.passes.config().takes_features();
  const std::vector<std::string> point =
      inputs ? s.content()
             : std::vector<std::string>{layer > 0 ? point_name(layer - 1, Point::resid)
                                                  : point_name(-1, Point::embed)};
  // Features of zeros, for which learned vectors stand in, have no noise or permutation.
  const bool empty = inputs && s.passes.without_features(s.waiver);
  std::vector<double> ratios;  // of the pass with the waiver's own features
  const auto share = [&](const char* rule) -> double {
    const bool random = inputs && rule != std::string_view("patch");
    if (random && empty) return NAN;
    const std::vector<EditConfig> edits = {
        make_edit(random ? std::vector<std::string>{point.back()} : point, rule, {"other"},
                  {{"from", "waiver"}})};
    return s.over_others(edits, [&](const Key& other, const Pass& pass) {
      if (rule == std::string_view("patch")) ratios.push_back(s.value_ratio(pass, other));
      return s.enrichment(pass, other) / s.enrichment(s.natural, s.waiver);
    });
  };
  const double own = share("patch"), ratio = median(ratios);
  return {judge(own >= kPatch.share && ratio < kPatch.small,
                own < kPatch.share && ratio >= kPatch.small),
          {{"share", own},
           {"r_V", ratio},
           {"noise_share", share("noise")},
           {"permuted_share", share("permute")}}};
}

Hypothesis w10_feature_patch_hypothesis() {
  return {"W10", "the feature distribution suffices",
          fmt::format("with h_w patched into k, E_k ≥ {} E_w and r_V(k) < {}; refuted: neither",
                      decimal(kPatch.share), decimal(kPatch.small)),
          try_feature_patch};
}

}  // namespace waiver
