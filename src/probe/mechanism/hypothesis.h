#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waiver {

/// How a hypothesis fared on one model; the last three belong to W6, which asks what selects.
enum class Outcome {
  supported,
  refuted,
  undecided,
  does_not_apply,
  position_selected,
  mask_selected,
  mixed
};
/// `does not apply`, `position-selected`; and as one sign: + - ? . p m x.
std::string_view to_text(Outcome outcome);
char sign_of(Outcome outcome);
/// supported where `yes`, else refuted where `no`, else undecided.
Outcome judge(bool yes, bool no);

struct Finding {
  Outcome outcome = Outcome::undecided;
  std::vector<std::pair<std::string, double>> numbers;
  std::string note = {};  // why, where nothing was decided
  std::string id = {};    // W1 … W10, of its hypothesis
};

struct Subject;
struct FollowRates;

/// What is claimed, when it counts as supported or refuted, and how it is tested. It is defined in
/// the file of its test, beside its thresholds, from which `measure` is formatted: they are fixed
/// there, before any run.
struct Hypothesis {
  std::string_view id, claim;
  std::string measure;
  Finding (*test)(Subject&, const FollowRates&);
  bool needs_sink = true;  // without a sink it is undecided
};
/// W1 to W10.
std::span<const Hypothesis> hypotheses();

/// A threshold in prose: `.5`, `1.2`, `5`; `80 %`.
std::string decimal(double threshold);
std::string percent(double share);

}  // namespace waiver
