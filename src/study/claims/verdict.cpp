#include "study/claims/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace waiver {
namespace {

Measurement number_of(const Claim& claim, const MeasuredRun& run) {
  if (!run.measured) return {NAN, "it has not finished.", ""};
  const auto at = run.measured->find(claim.id);
  if (at == run.measured->end() || at->second.definition != claim.definition)
    return {NAN, "its record lacks this measure.", ""};
  return at->second;
}

std::vector<double> defined(const std::vector<double>& all) {
  std::vector<double> out = all;
  std::erase_if(out, [](double x) { return std::isnan(x); });
  return out;
}

/// Collects why numbers are missing: the first reason with its run, and how many more.
struct Missing {
  std::string first;
  size_t count = 0;

  void add(const std::string& run, const std::string& why) {
    if (count++ == 0) first = run + ": " + why;
  }
  std::string text() const {
    if (count == 1) return first;
    if (count == 2) return first + " Another run has no number either.";
    return fmt::format("{} {} more runs have no number either.", first, count - 1);
  }
};

void decide(ClaimResult& result, const Missing& missing) {
  const auto undecided = [&](std::string why) {
    result.verdict = ClaimVerdict::undecided;
    result.why = std::move(why);
  };
  const Claim& claim = result.claim;
  const Expectation& expect = claim.expect;
  const auto& [estimate, low, high] = result.effect;
  const size_t seeds = std::set(result.seeds.begin(), result.seeds.end()).size();
  if (missing.count > 0) return undecided(missing.text());
  if (seeds < kLeastSeeds)
    return undecided(fmt::format("A verdict needs {} seeds; there {} {}.", kLeastSeeds,
                                 seeds == 1 ? "is" : "are", seeds));
  if (claim.statistic == OverRuns::every)
    result.verdict =
        result.met == result.each.size() ? ClaimVerdict::reproduced : ClaimVerdict::not_reproduced;
  else if (expect.all(low, high))
    result.verdict = ClaimVerdict::reproduced;
  else if (expect.none(low, high))
    result.verdict = ClaimVerdict::not_reproduced;
  else
    undecided("Only a part of the interval is as expected.");
}

}  // namespace

std::string_view to_text(ClaimVerdict verdict) {
  constexpr std::string_view names[] = {"reproduced", "not reproduced", "undecided"};
  return names[static_cast<size_t>(verdict)];
}

ClaimResult judge(const Claim& claim, std::span<const MeasuredRun> runs) {
  ClaimResult result{claim, {}, {}, {}, {}, {}, NAN, 0, ClaimVerdict::undecided, {}};
  Missing missing;
  const auto take = [&](size_t index, std::vector<double>& into) {
    const Measurement number = number_of(claim, runs[index]);
    if (std::isnan(number.value)) missing.add(runs[index].name, number.why);
    into.push_back(number.value);
  };
  for (size_t i = 0; i < claim.runs.size(); ++i) {
    result.seeds.push_back(runs[claim.runs[i]].seed);
    take(claim.runs[i], result.first);
    if (claim.paired()) take(claim.others[i], result.second);
  }
  const Statistic statistic =
      claim.statistic == OverRuns::mean ? Statistic::mean : Statistic::median;
  if (claim.paired()) {
    Paired pairs = compare_pairs(result.first, result.second, claim.compare, statistic);
    result.each = std::move(pairs.each);
    result.effect = pairs.interval;
    result.p = pairs.p;
    for (size_t i = 0; i < result.each.size(); ++i)
      if (std::isnan(result.each[i]) && !std::isnan(result.first[i]) &&
          !std::isnan(result.second[i]))
        missing.add(runs[claim.runs[i]].name,
                    fmt::format("the {} of {} and {} is undefined.", word(claim.compare),
                                result.first[i], result.second[i]));
  } else {
    result.each = result.first;
    result.effect = bootstrap(defined(result.each), statistic);
  }
  if (claim.statistic == OverRuns::distinct) {
    const auto all = defined(result.each);
    const auto different = static_cast<double>(std::set(all.begin(), all.end()).size());
    result.effect = {different, different, different};
    result.met = claim.expect.met(different) ? result.each.size() : 0;
    decide(result, missing);
    return result;
  }
  result.met = static_cast<size_t>(
      std::ranges::count_if(result.each, [&](double x) { return claim.expect.met(x); }));
  decide(result, missing);
  return result;
}

std::vector<ClaimResult> judge(std::span<const Claim> claims, std::span<const MeasuredRun> runs) {
  std::vector<ClaimResult> out;
  for (const Claim& claim : claims) out.push_back(judge(claim, runs));
  return out;
}

}  // namespace waiver
