#include "probe/mechanism/mechanism.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/waiver_score.h"

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

// The sink with the largest α, or else the key that all heads together attend to most.
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
  s.status = "neither";
  if (found) {
    for (const HeadIndex& h : all)
      if (is_sink(s, h, s.waiver)) s.heads.push_back(h);
    const bool drained = std::ranges::any_of(
        s.heads, [&](const HeadIndex& h) { return verdict_of(s, h, s.waiver) == Verdict::waiver; });
    s.status = drained ? "waiver" : "sink only";
    return;
  }
  s.heads = all;
  for (const int64_t key : s.candidates)
    if (const double alpha = s.received(s.natural, key); alpha > best) {
      best = alpha;
      s.waiver = key;
    }
}

// Whether a key can be compared with: no rival that gets as much, and no row that the mask has
// made self-only already.
bool is_ordinary(const Subject& s, int64_t key) {
  return std::ranges::count(s.candidates, key) > 0 && key != s.waiver &&
         s.received(s.natural, key) < s.received(s.natural, s.waiver) &&
         (key == 0 || s.passes.config().attention.mask->visible(key, s.passes.tokens()).size() > 1);
}

// 5, 10 and 32, as far as they are ordinary candidates; else the middle candidate.
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
  std::ranges::sort(all);
  const double own = s.received(s.natural, s.waiver);
  return own > 0 && own >= 1.1 * all[all.size() / 2];
}

std::string selection(const Subject& s, const FollowRates& f) {
  constexpr double all = 0.8, none = 0.2;
  if (!stands_out(s) || !std::isfinite(f.encoding + f.content + f.both)) return "nothing";
  if (f.encoding >= all && f.content <= none) return "position encoding";
  if (f.content >= all && f.encoding <= none) return "feature distribution";
  if (f.encoding <= none && f.content <= none && f.both <= none) return "mask";
  return "mixed";
}

}  // namespace

double Subject::over_others(const std::vector<EditConfig>& edits,
                            const std::function<double(int64_t, const Pass&)>& f) const {
  std::vector<double> all;
  for (const int64_t other : others) all.push_back(f(other, passes.run(edits, names(other))));
  return median(all);
}

std::string judge(bool yes, bool no) { return yes ? "supported" : no ? "refuted" : "undecided"; }

FollowRates follow_rates(Subject& s) {
  const auto rate = [&](const std::vector<std::string>& what) {
    std::vector<EditConfig> edits;
    for (const std::string& point : what)
      edits.push_back(make_edit({point}, "swap", {"waiver", "other"}));
    return s.over_others(edits, [&](int64_t other, const Pass& pass) {
      const double before = s.received(s.natural, other);
      return (s.received(pass, other) - before) / (s.received(s.natural, s.waiver) - before);
    });
  };
  return {rate({"positions"}), rate({"tokens"}), rate({"positions", "tokens"})};
}

Mechanism find_mechanism(const Transformer& model, Prober& prober,
                         const WaiverThresholds& thresholds) {
  Passes passes(model, prober);
  Subject s{passes, passes.natural(), thresholds};
  s.candidates = passes.candidates();
  // Of a key that no query sees but its own, nothing could be compared.
  std::erase_if(s.candidates, [&](int64_t key) {
    return std::isnan(passes.mean(s.natural.received, passes.all_heads(), key));
  });
  if (s.candidates.size() < 2)
    throw UsageError("model.attention.mask",
                     "queries have one key in common at most, so there is none to compare it with",
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
    if (hypothesis.needs_sink && !s.is_sink() && finding.outcome != "does not apply") {
      finding.outcome = "undecided";
      finding.note = "no sink";
    }
    out.findings.push_back(std::move(finding));
  }
  return out;
}

std::span<const Hypothesis> hypotheses() {
  static constexpr Hypothesis all[] = {
      {"W1", "sink positions have a reduced value",
       "r_V < .5 in at least 80 % of the sink heads; refuted: median r_V ≥ .8", test_value_drain},
      {"W2", "a waiver carries no information",
       "ρ = Δloss(zero v) ÷ Δloss(hide the key) < .25; refuted: ≥ .75. Undecided where hiding "
       "costs less than .001 nat",
       test_no_information},
      {"W3", "the excess comes from the sum-to-one constraint",
       "asked of models without it: Sink_0 < 2 % and r_V(0) within .8 to 1.2; refuted: r_V(0) < .5",
       test_sum_to_one, false},
      {"W4", "causal selection ignores the content",
       "with another token in its place, it is the first choice of ≥ 95 % of prompts; refuted: "
       "below 50 %",
       test_content_ignored},
      {"W5", "the cell's own cue selects",
       "absolute + bidirectional: follows the encoding ≥ .8 (refuted: ≤ .2); none, rotary or "
       "biased + causal: follows neither (both ≤ .2; refuted: one ≥ .8); none + bidirectional: "
       "follows the content ≥ .8 (refuted: ≤ .2)",
       test_swap},
      {"W6", "absolute + causal: which of two cues",
       "S = E_k ÷ (E_w + E_k) with encodings swapped: > .8 position-selected, < .2 mask-selected",
       test_encoding_swap},
      {"W7", "a self-only row makes a waiver",
       "E_k rises ≥ 5 times and r_V(k) < .5; refuted: neither", test_self_only},
      {"W8", "the mask acts early",
       "self-only in layers ≤ l gives 90 % of the effect for an l ≤ the onset layer; refuted: it "
       "does not. Undecided where the whole effect on E_k is below .5",
       test_self_only_early},
      {"W9", "absolute encodings carry the choice",
       "Spearman(β, E_w) ≥ .9 for doses β of the waiver's encoding; refuted: < .5", test_dose},
      {"W10", "the feature distribution suffices",
       "with h_w patched into k, E_k ≥ .5 E_w and r_V(k) < .5; refuted: neither",
       test_feature_patch},
  };
  return all;
}

}  // namespace waiver
