#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/complaints.h"
#include "config/keys.h"
#include "core/statistics/paired.h"
#include "study/measures/measure.h"
#include "study/where.h"

namespace waiver {

struct StudyRun;

/// What a claim expects: one of the three.
struct Expectation {
  double above = NAN, below = NAN;  // NaN: not given
  std::vector<double> within;       // low and high, both included

  void visit(FieldVisitor& v);
  /// Whether a number is as expected: x > above, x < below, or low ≤ x ≤ high. ±∞ are numbers.
  bool met(double x) const;
  /// Whether every number of [low, high] is as expected, or none of them.
  bool all(double low, double high) const { return met(low) && met(high); }
  bool none(double low, double high) const;
  /// `above 0.3`, `within 0.1 to 0.3`.
  std::string text() const;
};

/// What must be as expected: the median or mean over the runs, the number of every single run, or
/// how many different numbers the runs have.
enum class OverRuns { median, mean, every, distinct };
std::span<const Choice> words(OverRuns);

/// A sentence about the runs of a study that their logs can show to be true or false.
struct Claim {
  std::string id, sentence, source;
  std::string published;  // the figure that the source gives, and how it was read
  Kind<Measure> measure{"value"};
  std::string definition;  // the measure as YAML, on one line
  Expectation expect;
  OverRuns statistic = OverRuns::median;
  Comparison compare = Comparison::difference;  // only with `against`
  std::optional<Where> where, against;          // none: not given
  std::vector<size_t> runs, others;  // of the study, by `select_runs`: of `where`, of `against`
  Node written;                      // as it stands in the file

  bool paired() const { return against.has_value(); }

  void visit(FieldVisitor& v);
};

/// Reads the list `claims:` of a study:
///   - id: early                            unique
///     sentence: With RoPE the sink comes before step 200.
///     source: "W11; 2410.10781, fig. 4"
///     published: 18.2 %, read in others' notes
///     where: {model.position.kind: rope}   which runs (study/where.h); default: every run
///     measure: {kind: event, name: sink}   a number per run (study/measures)
///     expect: {below: 200}                 or above, or within: [100, 200]
///     statistic: median                    or mean, every, distinct
///     against: {model.position.kind: none} each run of `where` is compared with the run of the
///     compare: ratio                       same seed here, by their difference or ratio
/// Complains of whatever does not fit; `select_runs` does of the rest.
std::vector<Claim> read_claims(const Node& list, Complaints& complaints);

/// Fills in which runs each claim is about. Complains of conditions that no run meets, of pairs
/// that are missing or not unique, and of measures that a selected run cannot have.
void select_runs(std::vector<Claim>& claims, std::span<const StudyRun> runs,
                 Complaints& complaints);

/// Every key of a claim, named like `claims[].id`.
std::vector<KeyInfo> claim_keys();
/// Markdown: every key of a claim and every measure, with its formula and options.
std::string claim_docs();

}  // namespace waiver
