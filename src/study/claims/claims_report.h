#pragma once

#include <span>
#include <string>
#include <vector>

#include "study/claims/verdict.h"

namespace waiver {

/// A study's verdicts, which stand beside its records.
inline constexpr char kClaimsFile[] = "claims.json";

/// The verdicts as JSON, numbers as by json_exact_number:
///   {level, resamples, claims: [{id, sentence, source, measure, compare, statistic, expect,
///   effect,
///     low, high, p, n, met, seeds, verdict, why, each, first, second}]}
/// where each, first and second have a number per run or pair, and n counts those that are defined;
/// compare, p, first and second are there for pairs only, and why for undecided ones.
Json claims_json(std::span<const ClaimResult> results);

/// The same as a table for a person, fitted to `width` as by Table's to_text, and a line for each
/// that is undecided.
std::string claims_table(std::span<const ClaimResult> results, int64_t width = 0);

/// How new results stand to committed ones, a sentence for each mismatch: a claim that is missing,
/// is new or has changed, another verdict, an interval that does not contain the committed
/// effect. `exactly`: that every number is the same bits too, as on the same type of processor.
/// Throws Error where `before`, read from the file `where`, is not what claims_json gives.
std::vector<std::string> compare_results(const Json& before, std::span<const ClaimResult> after,
                                         bool exactly, const std::string& where);

}  // namespace waiver
