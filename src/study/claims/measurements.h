#pragma once

#include <map>
#include <span>
#include <string>

#include "core/files/json.h"
#include "study/claims/claim.h"

namespace waiver {

/// The number of a claim's measure in one run.
struct Measurement {
  double value = NAN;
  std::string why;         // where there is none: a sentence
  std::string definition;  // of the measure; a claim with another has not been measured
};
/// Of one run, by the claim's id.
using Measurements = std::map<std::string, Measurement>;

/// Measures run number `index` of a study, which has finished, for every claim that is about it.
Measurements measure_run(std::span<const Claim> claims, size_t index, const RunLogs& run);

/// {ID: {measure: DEFINITION, value: NUMBER, why: SENTENCE}}, the latter where the value is "nan";
/// numbers as by json_exact_number.
Json json_of(const Measurements& measurements);
/// Throws Json::exception where it is something else.
Measurements measurements_of(const Json& json);

/// Whether every claim that is about run number `index` has its measure there, and a number.
bool has_measured(const Measurements& measurements, std::span<const Claim> claims, size_t index);

}  // namespace waiver
