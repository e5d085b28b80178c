#include "probe/mechanism/hypothesis.h"

#include <fmt/format.h>

namespace waiver {
namespace {

struct Word {
  Outcome outcome;
  std::string_view text;
  char sign;
};
constexpr Word kWords[] = {{Outcome::supported, "supported", '+'},
                           {Outcome::refuted, "refuted", '-'},
                           {Outcome::undecided, "undecided", '?'},
                           {Outcome::does_not_apply, "does not apply", '.'},
                           {Outcome::position_selected, "position-selected", 'p'},
                           {Outcome::mask_selected, "mask-selected", 'm'},
                           {Outcome::mixed, "mixed", 'x'}};

const Word& word_of(Outcome outcome) { return kWords[static_cast<size_t>(outcome)]; }

}  // namespace

std::string_view to_text(Outcome outcome) { return word_of(outcome).text; }
char sign_of(Outcome outcome) { return word_of(outcome).sign; }

Outcome judge(bool yes, bool no) {
  return yes ? Outcome::supported : no ? Outcome::refuted : Outcome::undecided;
}

// One line for each hypothesis.
#define HYPOTHESES(HYPOTHESIS)   \
  HYPOTHESIS(w1_value_drain)     \
  HYPOTHESIS(w2_no_information)  \
  HYPOTHESIS(w3_sum_to_one)      \
  HYPOTHESIS(w4_content_ignored) \
  HYPOTHESIS(w5_swap)            \
  HYPOTHESIS(w6_encoding_swap)   \
  HYPOTHESIS(w7_self_only)       \
  HYPOTHESIS(w8_self_only_early) \
  HYPOTHESIS(w9_dose)            \
  HYPOTHESIS(w10_feature_patch)

#define DECLARE(name) Hypothesis name##_hypothesis();
#define CALL(name) name##_hypothesis(),
HYPOTHESES(DECLARE)

std::span<const Hypothesis> hypotheses() {
  static const Hypothesis all[] = {HYPOTHESES(CALL)};
  return all;
}

std::string decimal(double threshold) {
  std::string text = fmt::format("{:g}", threshold);
  if (text.starts_with("0.")) text.erase(0, 1);
  return text;
}

std::string percent(double share) { return fmt::format("{:g} %", 100 * share); }

}  // namespace waiver
