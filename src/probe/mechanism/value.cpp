#include <cmath>

#include "probe/mechanism/mechanism.h"

// W1 and W2: what the waiver's value is, and what it is worth.

namespace waiver {

Finding test_value_drain(Subject& s, const FollowRates&) {
  double drained = 0;
  for (const HeadIndex& h : s.heads)
    drained += s.passes.at(s.natural.value_ratio, h, s.waiver) < .5;
  drained /= static_cast<double>(s.heads.size());
  const double middle = s.value_ratio(s.natural, s.waiver);
  return {"",
          judge(drained >= .8, middle >= .8),
          {{"heads", static_cast<double>(s.heads.size())}, {"drained", drained}, {"r_V", middle}}};
}

namespace {

// What it costs to zero the value of a key, to put the mean there, and to hide the key.
struct Costs {
  double zero, mean, hide;
};

Costs costs_of(Subject& s, int64_t key) {
  const PositionNames names = {{"key", key}};
  const auto cost = [&](const char* point, const char* rule) {
    return s.passes.run({make_edit({point}, rule, {"key"})}, names).loss - s.natural.loss;
  };
  return {cost("blocks.*.attn.v", "zero"), cost("blocks.*.attn.v", "mean"),
          cost("blocks.*.attn.scores", "hide")};
}

// The key beside the waiver that the same heads attend to most.
int64_t runner_up(const Subject& s) {
  int64_t best = s.others.front();
  for (const int64_t key : s.candidates)
    if (key != s.waiver && s.received(s.natural, key) > s.received(s.natural, best)) best = key;
  return best;
}

}  // namespace

Finding test_no_information(Subject& s, const FollowRates&) {
  constexpr double least = 1e-3;
  const int64_t control = runner_up(s);
  const Costs own = costs_of(s, s.waiver), other = costs_of(s, control);
  const double rho = own.zero / own.hide;
  Finding out{"",
              judge(rho < .25, rho >= .75),
              {{"zero", own.zero},
               {"mean", own.mean},
               {"hide", own.hide},
               {"rho", rho},
               {"control_key", static_cast<double>(control)},
               {"control_rho", other.zero / other.hide}}};
  if (own.hide < least) {
    out.outcome = "undecided";
    out.note = "hiding it costs nothing";
  }
  return out;
}

}  // namespace waiver
