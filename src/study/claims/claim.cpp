#include "study/claims/claim.h"

#include <fmt/format.h>

#include <algorithm>

namespace waiver {

std::span<const Choice> words(OverRuns) {
  static constexpr Choice all[] = {
      {"median", "the median over the runs, with its bootstrap interval"},
      {"mean", "the mean over the runs, with its bootstrap interval"},
      {"every", "every single run"},
      {"distinct", "how many different numbers the runs have"}};
  return all;
}

void Expectation::visit(FieldVisitor& v) {
  v.field({"above", "x > above; either this, below or within"}, above);
  v.field({"below", "x < below"}, below);
  v.field({"within", "[low, high]: low ≤ x ≤ high"}, within);
}

bool Expectation::met(double x) const {
  if (!within.empty()) return within[0] <= x && x <= within[1];
  return std::isnan(above) ? x < below : x > above;
}

bool Expectation::none(double low, double high) const {
  if (!within.empty()) return high < within[0] || low > within[1];
  return std::isnan(above) ? !met(low) : !met(high);
}

std::string Expectation::text() const {
  if (!within.empty()) return fmt::format("within {} to {}", within[0], within[1]);
  return std::isnan(above) ? fmt::format("below {}", below) : fmt::format("above {}", above);
}

void Claim::visit(FieldVisitor& v) {
  v.field(Field{"id", "a short name, unique in the study"}.must_be_given(), id);
  v.field(Field{"sentence", "what is claimed, in words"}.must_be_given(), sentence);
  v.field({"source", "where the claim is from"}, source);
  v.field({"published", "the figure that the source gives, and how it is known"}, published);
  v.field({"measure", "the number of each run"}, measure);
  v.field({"expect", "what the numbers are expected to be"}, expect);
  v.field({"statistic", "what must be as expected"}, statistic);
  v.field(
      {"compare",
       "with `against`: how the number of a run of `where`, the first, is compared with that of "
       "the run of the same seed of `against`, the second"},
      compare);
}

}  // namespace waiver
