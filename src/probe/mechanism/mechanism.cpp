#include "probe/mechanism/mechanism.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/statistics.h"

namespace waiver {
namespace {

Verdict verdict_of(const Subject& s, const HeadIndex& h, int64_t key) {
  return classify(s.thresholds, s.passes.at(s.natural.received, h, key),
                  s.passes.at(s.natural.enrichment, h, key),
                  s.passes.at(s.natural.value_ratio, h, key));
}

bool is_sink(const Subject& s, const HeadIndex& h, int64_t key) {
  return verdict_of(s, h, key) != Verdict::neither;
}

// The sink with the largest α, or failing that the key that all heads together attend to most.
void find_waiver(Subject& s) {
  const std::vector<HeadIndex> all = s.passes.all_heads();
  double best = 0;
  bool found = false;
  for (const int64_t key : s.candidates) {
    for (const HeadIndex& h : all)
      if (const double alpha = s.passes.at(s.natural.received, h, key);
          is_sink(s, h, key) && (!found || alpha > best)) {
        found = true;
        best = alpha;
        s.waiver = key;
      }
  }
  if (found) {
    for (const HeadIndex& h : all)
      if (is_sink(s, h, s.waiver)) s.heads.push_back(h);
    const bool drained = std::ranges::any_of(
        s.heads, [&](const HeadIndex& h) { return verdict_of(s, h, s.waiver) == Verdict::waiver; });
    s.status = drained ? Verdict::waiver : Verdict::sink_only;
    return;
  }
  s.heads = all;
  for (const int64_t key : s.candidates)
    if (const double alpha = s.received(s.natural, key); alpha > best) {
      best = alpha;
      s.waiver = key;
    }
}

// Whether a key is fit for comparison: not a rival that gets as much attention, and not a row that
// the mask already makes self-only.
bool is_ordinary(const Subject& s, int64_t key) {
  return std::ranges::count(s.candidates, key) > 0 && key != s.waiver &&
         s.received(s.natural, key) < s.received(s.natural, s.waiver) &&
         (key == 0 || s.passes.config().attention.mask->visible(key, s.passes.tokens()).size() > 1);
}

// Those of 5, 10 and 32 that are ordinary candidates, or else the middle candidate.
void choose_others(Subject& s) {
  for (const int64_t key : {5, 10, 32})
    if (is_ordinary(s, key)) s.others.push_back(key);
  if (!s.others.empty()) return;
  const auto middle = s.candidates.begin() + std::ssize(s.candidates) / 2;
  s.others.push_back(*middle == s.waiver ? *std::prev(middle) : *middle);
}

bool stands_out(const Subject& s) {
  std::vector<double> all;
  for (const int64_t key : s.candidates) all.push_back(s.received(s.natural, key));
  const double own = s.received(s.natural, s.waiver);
  return own > 0 && own >= 1.1 * quantile(all, 0.5);
}

SelectedBy selection(const Subject& s, const FollowRates& f) {
  const auto [all, none] = kFollow;
  if (!stands_out(s) || !std::isfinite(f.encoding + f.content + f.both)) return SelectedBy::nothing;
  if (f.encoding >= all && f.content <= none) return SelectedBy::position_encoding;
  if (f.content >= all && f.encoding <= none) return SelectedBy::feature_distribution;
  if (f.encoding <= none && f.content <= none && f.both <= none) return SelectedBy::mask;
  return SelectedBy::mixed;
}

}  // namespace

double Subject::over_others(const std::vector<EditConfig>& edits,
                            const std::function<double(int64_t, const Pass&)>& f) const {
  std::vector<double> all;
  for (const int64_t other : others) all.push_back(f(other, passes.run(edits, names(other))));
  return median(all);
}

std::string_view to_text(SelectedBy what) {
  constexpr std::string_view words[] = {"nothing", "mask", "position encoding",
                                        "feature distribution", "mixed"};
  return words[static_cast<size_t>(what)];
}

FollowRates follow_rates(Subject& s) {
  const auto rate = [&](std::initializer_list<Point> what) {
    std::vector<EditConfig> edits;
    for (const Point point : what)
      edits.push_back(make_edit({point_name(-1, point)}, "swap", {"waiver", "other"}));
    return s.over_others(edits, [&](int64_t other, const Pass& pass) {
      const double before = s.received(s.natural, other);
      return (s.received(pass, other) - before) / (s.received(s.natural, s.waiver) - before);
    });
  };
  return {rate({Point::positions}), rate({Point::tokens}), rate({Point::positions, Point::tokens})};
}

Mechanism find_mechanism(const Transformer& model, Prober& prober,
                         const WaiverThresholds& thresholds) {
  Passes passes(model, prober);
  Subject s{passes, passes.natural(), thresholds};
  s.candidates = passes.candidates();
  // For a key that only its own query sees, nothing could be compared.
  std::erase_if(s.candidates, [&](int64_t key) {
    return std::isnan(passes.mean(s.natural.received, passes.all_heads(), key));
  });
  if (s.candidates.size() < 2)
    throw UsageError("model.attention.mask",
                     "queries have at most one key in common, so there is none to compare it with",
                     "The mechanism tests need two keys that many queries see.");
  find_waiver(s);
  choose_others(s);
  Mechanism out{s.waiver, s.status, s.heads, s.others};
  out.received = s.received(s.natural, s.waiver);
  out.enrichment = s.enrichment(s.natural, s.waiver);
  out.value_ratio = s.value_ratio(s.natural, s.waiver);
  out.loss = s.natural.loss;
  out.follows = follow_rates(s);
  out.selected_by = selection(s, out.follows);
  for (const Hypothesis& hypothesis : hypotheses()) {
    Finding finding = hypothesis.test(s, out.follows);
    finding.id = hypothesis.id;
    if (hypothesis.needs_sink && !s.is_sink() && finding.outcome != Outcome::does_not_apply) {
      finding.outcome = Outcome::undecided;
      finding.note = "no sink";
    }
    out.findings.push_back(std::move(finding));
  }
  return out;
}

}  // namespace waiver
