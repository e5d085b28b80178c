#include <fmt/format.h>

#include <cmath>

#include "probe/mechanism/mechanism.h"

// W1, W2 and W3: what the waiver's value is, what it is worth, and whether it is needed.

namespace waiver {

namespace {

constexpr struct {
  double small = .5;  // a value ratio
  double heads = .8;  // share of the sink heads with such a ratio
  double whole = .8;  // a median ratio that refutes
} kDrain;

}  // namespace

static Finding try_value_drain(Subject& s, const FollowRates&) {
  double drained = 0;
  for (const HeadIndex& h : s.heads)
    drained += s.passes.of_key(s.natural.value_ratio, h, s.waiver) < kDrain.small;
  drained /= static_cast<double>(s.heads.size());
  const double middle = s.value_ratio(s.natural, s.waiver);
  return {judge(drained >= kDrain.heads, middle >= kDrain.whole),
          {{"heads", static_cast<double>(s.heads.size())}, {"drained", drained}, {"r_V", middle}}};
}

Hypothesis w1_value_drain_hypothesis() {
  return {"W1", "sink positions have a reduced value",
          fmt::format("r_V < {} in at least {} of the sink heads; refuted: median r_V ≥ {}",
                      decimal(kDrain.small), percent(kDrain.heads), decimal(kDrain.whole)),
          try_value_drain};
}

namespace {

// Of a key: Δloss with its value edited, or the key hidden; NaN where that needs another sequence
// and there is none.
double cost_of(Subject& s, const Key& key, Point point, const char* rule,
               const SetFields::Values& options = {}) {
  if (s.passes.sequences() < 2 && rule == std::string_view("donor")) return NAN;
  const std::vector<PositionNames> names = names_of({{"key", key}, {"ordinary", s.others.front()}});
  return s.passes.run({make_edit({in_every_block(point)}, rule, {"key"}, options)}, names).loss -
         s.natural.loss;
}

// The key, other than the waiver, that the same heads attend to most.
Key runner_up(const Subject& s) {
  Key best = s.others.front();
  for (const Key& key : s.candidates)
    if (!(key == s.waiver) && s.received(s.natural, key) > s.received(s.natural, best)) best = key;
  return best;
}

}  // namespace

namespace {

constexpr struct {
  double none = .25, some = .75;  // ρ below, or at least
  double least = 1e-3;            // nat that hiding the key must cost
} kInformation;

}  // namespace

static Finding try_no_information(Subject& s, const FollowRates&) {
  const Key control = runner_up(s);
  const double zero = cost_of(s, s.waiver, Point::attn_v, "zero"),
               hide = cost_of(s, s.waiver, Point::attn_scores, "hide"), rho = zero / hide;
  Finding out{judge(rho < kInformation.none, rho >= kInformation.some),
              {{"zero", zero},
               {"mean", cost_of(s, s.waiver, Point::attn_v, "mean")},
               {"noise", cost_of(s, s.waiver, Point::attn_v, "noise")},
               {"donor", cost_of(s, s.waiver, Point::attn_v, "donor", {{"from", "key"}})},
               {"foreign", cost_of(s, s.waiver, Point::attn_v, "donor", {{"from", "ordinary"}})},
               {"hide", hide},
               {"rho", rho},
               {"control_key", static_cast<double>(control.position())},
               {"control_rho", cost_of(s, control, Point::attn_v, "zero") /
                                   cost_of(s, control, Point::attn_scores, "hide")}}};
  if (hide < kInformation.least) {
    out.outcome = Outcome::undecided;
    out.note = "hiding it costs nothing";
  }
  return out;
}

Hypothesis w2_no_information_hypothesis() {
  return {"W2", "a waiver carries no information",
          fmt::format(
              "ρ = Δloss(zero v) ÷ Δloss(hide the key) < {}; refuted: ≥ {}. Undecided where "
              "hiding costs less than {} nat",
              decimal(kInformation.none), decimal(kInformation.some), decimal(kInformation.least)),
          try_no_information};
}

namespace {

constexpr struct {
  double sink = .02;            // Sink_0
  double low = .8, high = 1.2;  // an unremarkable value ratio
  double small = .5;            // one that refutes
} kSumToOne;

}  // namespace

static Finding try_sum_to_one(Subject& s, const FollowRates&) {
  if (s.passes.config().attention.normalizer->shares()) return {Outcome::does_not_apply, {}};
  const std::vector<HeadIndex> all = s.passes.all_heads();
  double sink = 0;
  for (const HeadIndex& h : all)
    sink += s.natural.sink_rate[(h.layer * s.passes.config().heads + h.head) * s.passes.tokens()];
  sink /= static_cast<double>(all.size());
  const double ratio = s.value_ratio(s.natural, all, Key::position(0, s.passes.sequences()));
  return {judge(sink < kSumToOne.sink && ratio >= kSumToOne.low && ratio <= kSumToOne.high,
                ratio < kSumToOne.small),
          {{"sink_rate", sink}, {"r_V", ratio}, {"loss", s.natural.loss}}};
}

Hypothesis w3_sum_to_one_hypothesis() {
  return {
      "W3", "the excess comes from the sum-to-one constraint",
      fmt::format("asked of models without it: Sink_0 < {} and r_V(0) within {} to {}; refuted: "
                  "r_V(0) < {}",
                  percent(kSumToOne.sink), decimal(kSumToOne.low), decimal(kSumToOne.high),
                  decimal(kSumToOne.small)),
      try_sum_to_one, false};
}

}  // namespace waiver
