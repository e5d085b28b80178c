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

/// What the records of a study's finished runs say to its claims.
std::vector<ClaimResult> judge(const Study& study, std::span<const RunRecord> records);

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

/// How the claims of new verdicts stand to those of committed ones, both as by claims_json: a
/// sentence for each that is missing, is new or has changed in more than its words. Throws Error
/// where `before`, read from the file `where`, is something else.
std::vector<std::string> compare_claims(const Json& before, const Json& after,
                                        const std::string& where);
/// The same of the verdicts: another verdict, an interval that does not contain the committed
/// effect and, with `exactly`, any number with other bits.
std::vector<std::string> compare_verdicts(const Json& before, const Json& after, bool exactly,
                                          const std::string& where);

/// Judges the claims of a study by the records of its finished runs, replaces FOLDER/claims.json in
/// one step, and prints the table, of the claims of these ids where there are any. Nothing where it
/// has no claims.
void report_claims(const Study& study, std::span<const RunRecord> records,
                   const std::filesystem::path& folder, std::span<const std::string> ids = {});

}  // namespace waiver
