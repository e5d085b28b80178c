#include <algorithm>
#include <cmath>
#include <numeric>

#include "probe/mechanism/mechanism.h"

// W4, W5, W6 and W9: which cue selects the waiver.

namespace waiver {
namespace {

bool absolute(const Subject& s) {
  const ModelConfig& m = s.passes.config();
  return m.position.count() == 0 && m.position.of_layer(0)->acts() == Acts::on_embeddings;
}
bool no_encoding(const Subject& s) { return s.passes.config().position.name() == "none"; }
bool bidirectional(const Subject& s) { return s.passes.config().attention.mask->sees_future(); }
// Neither causal nor bidirectional: the prefix sees itself whole.
bool has_prefix(const Subject& s) { return s.passes.config().attention.mask->prefix() > 1; }

// Ranks from 0; equal numbers share the mean of theirs.
std::vector<double> ranks(const std::vector<double>& x) {
  std::vector<double> out;
  for (const double value : x) {
    const auto below = std::ranges::count_if(x, [&](double other) { return other < value; });
    const auto equal = std::ranges::count(x, value);
    out.push_back(static_cast<double>(below) + 0.5 * static_cast<double>(equal - 1));
  }
  return out;
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

// Spearman's rank correlation; 0 where one side is constant.
double spearman(const std::vector<double>& x, const std::vector<double>& y) {
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double ma = mean_of(a), mb = mean_of(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace

Finding test_content_ignored(Subject& s, const FollowRates&) {
  double share = 0;
  for (const int64_t other : s.others)
    share +=
        s.passes.first_choice({make_edit({"tokens"}, "patch", {"waiver"}, {{"from", "other"}})},
                              s.names(other), s.heads, s.candidates, s.waiver);
  share /= static_cast<double>(s.others.size());
  const double natural = s.passes.first_choice({}, {}, s.heads, s.candidates, s.waiver);
  Finding out{"", judge(share >= .95, share < .5), {{"natural", natural}, {"replaced", share}}};
  if (bidirectional(s) || has_prefix(s)) out.outcome = "does not apply";
  return out;
}

Finding test_swap(Subject& s, const FollowRates& f) {
  Finding out{
      "", "does not apply", {{"encoding", f.encoding}, {"content", f.content}, {"both", f.both}}};
  if (has_prefix(s)) return out;
  if (absolute(s) && bidirectional(s)) out.outcome = judge(f.encoding >= .8, f.encoding <= .2);
  if (!absolute(s) && !bidirectional(s))
    out.outcome = judge(f.encoding <= .2 && f.content <= .2, f.encoding >= .8 || f.content >= .8);
  if (no_encoding(s) && bidirectional(s)) out.outcome = judge(f.content >= .8, f.content <= .2);
  if (absolute(s) && !bidirectional(s)) out.note = "W6 asks this";
  return out;
}

Finding test_encoding_swap(Subject& s, const FollowRates&) {
  const std::vector<EditConfig> swap = {make_edit({"positions"}, "swap", {"waiver", "other"})};
  const double S = s.over_others(swap, [&](int64_t other, const Pass& pass) {
    const double at_other = s.enrichment(pass, other), at_waiver = s.enrichment(pass, s.waiver);
    return at_other / (at_other + at_waiver);
  });
  Finding out{"", "does not apply", {{"S", S}}};
  if (absolute(s) && !bidirectional(s) && !has_prefix(s))
    out.outcome = S > .8 ? "position-selected" : S < .2 ? "mask-selected" : "mixed";
  return out;
}

Finding test_dose(Subject& s, const FollowRates&) {
  if (!absolute(s)) return {"", "does not apply", {}};
  std::vector<double> doses, enrichment, control;
  const PositionNames names = s.names(s.others.front());
  const std::vector<std::string> point = {"embed.position"}, waiver = {"waiver"};
  for (double beta = 0; beta <= 2; beta += 0.25) {
    const EditConfig dose = make_edit(point, "scale", waiver, {{"by", beta}});
    const EditConfig noise = make_edit(point, "noise", waiver);
    doses.push_back(beta);
    enrichment.push_back(s.enrichment(s.passes.run({dose}, names), s.waiver));
    control.push_back(s.enrichment(s.passes.run({noise, dose}, names), s.waiver));
  }
  const double rho = spearman(doses, enrichment);
  return {"",
          judge(rho >= .9, rho < .5),
          {{"spearman", rho},
           {"E_without", enrichment.front()},
           {"E_twice", enrichment.back()},
           {"control_spearman", spearman(doses, control)},
           {"control_E", control[control.size() / 2]}}};
}

}  // namespace waiver
