#include "study/claims/claims_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/output.h"
#include "core/text/table.h"

namespace waiver {
namespace {

Json numbers(const std::vector<double>& all) {
  Json out = Json::array();
  for (const double x : all) out.push_back(json_exact_number(x));
  return out;
}

int64_t count_defined(const ClaimResult& result) {
  return std::ranges::count_if(result.each, [](double x) { return !std::isnan(x); });
}

Json of_result(const ClaimResult& result) {
  const Claim& claim = result.claim;
  Json out = {{"id", claim.id},
              {"sentence", claim.sentence},
              {"source", claim.source},
              {"measure", claim.definition}};
  if (!claim.published.empty()) out["published"] = claim.published;
  for (const char* condition : {"where", "against"})
    if (const Node::Entry* entry = claim.written.find(condition))
      out[condition] = emit_flow(entry->value);
  if (claim.paired()) out["compare"] = word(claim.compare);
  out["statistic"] = word(claim.statistic);
  out["expect"] = claim.expect.text();
  out["effect"] = json_exact_number(result.effect.estimate);
  out["low"] = json_exact_number(result.effect.low);
  out["high"] = json_exact_number(result.effect.high);
  if (claim.paired()) out["p"] = json_exact_number(result.p);
  out["n"] = count_defined(result);
  out["met"] = result.met;
  out["seeds"] = result.seeds;
  out["verdict"] = to_text(result.verdict);
  if (!result.why.empty()) out["why"] = result.why;
  out["each"] = numbers(result.each);
  if (claim.paired()) {
    out["first"] = numbers(result.first);
    out["second"] = numbers(result.second);
  }
  return out;
}

std::string number_text_of(double x) {
  if (std::isnan(x)) return "–";
  if (std::isinf(x)) return x > 0 ? "∞" : "−∞";
  return fmt::format("{:.4g}", x);
}

std::string effect_text(const Interval& effect) {
  if (std::isnan(effect.low)) return "–";
  return fmt::format("{} [{}, {}]", number_text_of(effect.estimate), number_text_of(effect.low),
                     number_text_of(effect.high));
}

// `median, above 0.3`; of pairs `median ratio, above 1`.
std::string expectation_text(const Claim& claim) {
  const std::string of = claim.paired() ? fmt::format(" {}", word(claim.compare)) : "";
  return fmt::format("{}{} {}", word(claim.statistic), of, claim.expect.text());
}

std::string runs_text(const ClaimResult& result) {
  if (result.claim.statistic != OverRuns::every) return std::to_string(count_defined(result));
  return fmt::format("{} of {}", result.met, result.each.size());
}

// What a claim says, apart from its words; and what was found.
constexpr const char* kTerms[] = {"where", "against", "measure", "compare", "statistic", "expect"};
constexpr const char* kFound[] = {"effect", "low",   "high", "p",     "n",
                                  "met",    "seeds", "each", "first", "second"};

using Mismatches = std::vector<std::string>;

Mismatches compare_terms(const std::string& id, const Json& before, const Json& after) {
  Mismatches out;
  for (const std::string term : kTerms) {
    const Json was = before.value(term, Json()), is = after.value(term, Json());
    if (was != is)
      out.push_back(fmt::format("{}: its {} was {}, and is now {}.", id, term, json_text(was),
                                json_text(is)));
  }
  return out;
}

Mismatches compare_found(const std::string& id, const Json& before, const Json& after,
                         bool exactly) {
  Mismatches out;
  const std::string verdict = before.at("verdict"), now = after.at("verdict");
  if (verdict != now) out.push_back(fmt::format("{}: it was {}, and is now {}.", id, verdict, now));
  const double was = exact_number(before.at("effect")), is = exact_number(after.at("effect")),
               low = exact_number(after.at("low")), high = exact_number(after.at("high"));
  if (std::isnan(was) ? !std::isnan(is) : !(low <= was && was <= high))
    out.push_back(fmt::format("{}: its effect was {}, and the interval is now [{}, {}].", id,
                              number_text_of(was), number_text_of(low), number_text_of(high)));
  if (exactly && out.empty())
    for (const std::string key : kFound)
      if (before.value(key, Json()) != after.value(key, Json()))
        out.push_back(fmt::format("{}: the bits of {} are not the same.", id, key));
  return out;
}

// What `compare` says of each claim, and of those that only one side has.
template <class Compare>
Mismatches compare_each(const Json& before, const Json& after, const std::string& where,
                        const Compare& compare) try {
  Mismatches out;
  const Json &then = before.at("claims"), &now = after.at("claims");
  const auto find = [](const Json& claims, const Json& id) {
    return std::ranges::find_if(claims, [&](const Json& claim) { return claim.at("id") == id; });
  };
  for (const Json& claim : then) {
    const std::string id = claim.at("id");
    const auto same = find(now, id);
    const auto found = same == now.end()
                           ? Mismatches{fmt::format("{}: the study no longer claims it.", id)}
                           : compare(id, claim, *same);
    out.insert(out.end(), found.begin(), found.end());
  }
  for (const Json& claim : now)
    if (find(then, claim.at("id")) == then.end())
      out.push_back(
          fmt::format("{}: it has no committed verdict.", claim.at("id").get<std::string>()));
  return out;
} catch (const Json::exception&) {
  throw Error(where, "these are not the verdicts of a study's claims, so the file is damaged",
              "Put the right one back.");
}

}  // namespace

std::vector<ClaimResult> judge(const Study& study, std::span<const RunRecord> records) {
  std::vector<MeasuredRun> runs;
  for (const StudyRun& run : study.runs) {
    const auto at = std::ranges::find(records, run.name, &RunRecord::name);
    runs.push_back({run.name, run.seed, {}});
    if (at != records.end()) runs.back().measured = at->measures;
  }
  return judge(study.claims, runs);
}

Json claims_json(std::span<const ClaimResult> results) {
  Json claims = Json::array();
  for (const ClaimResult& result : results) claims.push_back(of_result(result));
  return {{"level", kLevel}, {"resamples", kResamples}, {"claims", claims}};
}

std::string claims_table(std::span<const ClaimResult> results, int64_t width) {
  if (results.empty()) return {};
  Table table{{{}, {}, {}, {.wraps = true}, {.align = Align::right}, {.wraps = true}},
              {{"claim", "verdict", "effect [95 %]", "expected", "runs", "sentence"}},
              0,
              true};
  std::string reasons;
  for (const ClaimResult& result : results) {
    const Claim& claim = result.claim;
    table.rows.push_back({claim.id, to_text(result.verdict), effect_text(result.effect),
                          expectation_text(claim), runs_text(result), claim.sentence});
    if (!result.why.empty()) reasons += folded(fmt::format("{}: {}", claim.id, result.why), width);
  }
  return to_text(table, width) + (reasons.empty() ? "" : "Undecided:\n" + reasons);
}

std::vector<std::string> compare_claims(const Json& before, const Json& after,
                                        const std::string& where) {
  return compare_each(before, after, where, compare_terms);
}

std::vector<std::string> compare_verdicts(const Json& before, const Json& after, bool exactly,
                                          const std::string& where) {
  return compare_each(before, after, where,
                      [&](const std::string& id, const Json& was, const Json& is) {
                        return compare_found(id, was, is, exactly);
                      });
}

void report_claims(const Study& study, std::span<const RunRecord> records,
                   const std::filesystem::path& folder, std::span<const std::string> ids) {
  if (study.claims.empty()) return;
  std::vector<ClaimResult> results = judge(study, records);
  write_json(folder / kClaimsFile, claims_json(results));
  if (!ids.empty())
    std::erase_if(results, [&](const ClaimResult& result) {
      return std::ranges::find(ids, result.claim.id) == ids.end();
    });
  print_progress("\n" + claims_table(results, terminal_width()));
}

}  // namespace waiver
