#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/output.h"
#include "study/claims/claims_report.h"
#include "study/needs.h"
#include "study/record.h"
#include "study/sweep.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// Those that are asked for; all, where none is named.
Json chosen(Json verdicts, const std::vector<std::string>& ids) {
  if (ids.empty() || !verdicts.contains("claims")) return verdicts;
  Json some = Json::array();
  for (const Json& claim : verdicts["claims"])
    if (std::ranges::find(ids, claim.value("id", "")) != ids.end()) some.push_back(claim);
  verdicts["claims"] = some;
  return verdicts;
}

Json read_verdicts(const fs::path& file, const std::vector<std::string>& ids) {
  return chosen(parse_json(read_file(file)), ids);
}

fs::path committed_verdicts(const Study& study) { return committed_records(study) / kClaimsFile; }

}  // namespace

SweepPlan verification(const Study& study, SweepPlan plan) {
  if (study.claims.empty()) throw UsageError(study.path, "this study claims nothing to verify");
  const fs::path file = committed_verdicts(study);
  if (!fs::exists(file))
    throw UsageError(file.string(), "there are no verdicts to compare with",
                     "waiver sweep ends with claims.json; commit it there, beside the records.");
  const Json before = read_verdicts(file, plan.claims);
  compare_verdicts(before, before, true, file.string());  // throws where it is damaged
  const Json unjudged = chosen(claims_json(judge(study, {})), plan.claims);
  const auto others = compare_claims(before, unjudged, file.string());
  if (!others.empty())
    throw UsageError(
        file.string(),
        fmt::format("these are not the verdicts of the study's claims:\n{}",
                    fmt::join(others, "\n")),
        "--collect judges its claims by the records that are there; commit that claims.json.");
  plan.afresh = true;
  return plan;
}

void verify_sweep(const Study& study, const SweepPlan& plan) {
  const fs::path file = committed_verdicts(study);
  const Json before = read_verdicts(file, plan.claims);
  bool same_maker = true;
  for (const size_t i : plan.only.empty() ? all_runs(study) : plan.only) {
    const fs::path record = record_file(committed_records(study), study.runs[i]);
    same_maker &=
        fs::exists(record) && RunRecord::read(record).made_by == std::vector<Maker>{this_maker()};
  }
  run_sweep(study, plan);
  const Json after = read_verdicts(fs::path(plan.directory) / kClaimsFile, plan.claims);
  const auto mismatches = compare_verdicts(before, after, same_maker, file.string());
  if (!mismatches.empty())
    throw Error(file.string(),
                fmt::format("it was not reproduced:\n{}", fmt::join(mismatches, "\n")));
  print_progress(fmt::format("Verified: {} has the same verdicts, {}.\n", file.string(),
                             same_maker ? "and all numbers the same bits"
                                        : "and its effects are within the new intervals"));
}

}  // namespace waiver
