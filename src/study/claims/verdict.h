#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/claims/measurements.h"

namespace waiver {

enum class ClaimVerdict { reproduced, not_reproduced, undecided };
/// `reproduced`, `not reproduced`, `undecided`.
std::string_view to_text(ClaimVerdict verdict);

/// Seeds that a verdict needs at the least.
inline constexpr size_t kLeastSeeds = 3;

/// One run of a study as claims see it.
struct MeasuredRun {
  std::string name;
  int64_t seed = 0;
  std::optional<Measurements> measured;  // none: it has not finished
};

/// What became of a claim.
struct ClaimResult {
  Claim claim;
  std::vector<int64_t> seeds;         // of the runs, or pairs
  std::vector<double> first, second;  // the numbers of the runs, and of those compared with
  std::vector<double> each;  // what the claim is about: first, or first compared with second
  Interval effect;           // of `each`, those that are defined
  double p = NAN;            // for pairs: the sign-flip test (core/statistics/paired.h)
  size_t met = 0;            // how many of `each` are as expected
  ClaimVerdict verdict = ClaimVerdict::undecided;
  std::string why;  // of undecided: a sentence
};

/// Judges a claim. For the median and the mean: *reproduced* where the whole 95 % bootstrap
/// interval is as expected, *not reproduced* where none of it is, else *undecided*. For `every`:
/// reproduced where every run is as expected, otherwise not; the interval is that of the median.
/// Undecided in any case where a run has not finished or has no number, and with fewer than
/// kLeastSeeds seeds. `runs`: every run of the study, in its order.
ClaimResult judge(const Claim& claim, std::span<const MeasuredRun> runs);
std::vector<ClaimResult> judge(std::span<const Claim> claims, std::span<const MeasuredRun> runs);

}  // namespace waiver
