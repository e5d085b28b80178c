#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "study/claims/verdict.h"
#include "study/record.h"

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

/// How new verdicts stand to committed ones, both as by claims_json: a sentence for each mismatch.
/// A claim is missing, is new or has changed; it has another verdict; its interval does not contain
/// the committed effect; with `exactly`, any number has other bits. Throws Error where `before`,
/// read from the file `where`, is something else.
std::vector<std::string> compare_verdicts(const Json& before, const Json& after, bool exactly,
                                          const std::string& where);

/// Judges the claims of a study by the records of its finished runs, replaces FOLDER/claims.json in
/// one step, and prints the table. Nothing where it has no claims.
void report_claims(const Study& study, std::span<const RunRecord> records,
                   const std::filesystem::path& folder);

}  // namespace waiver
