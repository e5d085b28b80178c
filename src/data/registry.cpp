#include "data/registry.h"

namespace waiver {

template <>
std::span<const Registered<Dataset>> registry<Dataset>() {
  static constexpr Registered<Dataset> datasets[] = {
      {"bigram_backcopy",
       "characters of tiny Shakespeare by their bigrams; a trigger is followed by a copy of the "
       "token before it (Guo et al., 2410.13835)",
       make_bigram_backcopy},
      {"bigram_backcopy_random", "the same task over a random bigram table, without a corpus",
       make_bigram_backcopy_random},
      {"text", "a text file, by bytes or by characters", make_text},
      {"tokens",
       "files of token ids: NumPy's .npy, or without a header uint16 as nanoGPT writes it, or uint32",
       make_tokens},
      {"unigram",
       "tokens drawn independently from Zipf's law: nothing before a token tells anything of it "
       "(Z. Liu, Sparse attention 5, 2026)",
       make_unigram},
      {"trigger_average",
       "real-valued features; the answer is 0, and at a trigger the mean of the tokens up to it "
       "(Ran-Milo, 2603.11487)",
       make_trigger_average},
  };
  return datasets;
}

template <>
std::span<const Registered<TriggerRule>> registry<TriggerRule>() {
  static constexpr Registered<TriggerRule> rules[] = {
      {"copy", "x_t = x_{t−2}", make_copy},
      {"markov", "no copying: x_t ~ cond[x_{t−1}], as after any other token", make_markov},
      {"dormant", "x_t ~ cond[x_{t−2}]", make_dormant},
      {"interpolate", "a copy with probability p, else as markov", make_interpolate},
      {"in_context",
       "an output token of the trigger's own, drawn anew for every sequence like the first token "
       "of "
       "data: the token that followed the trigger's first occurrence",
       make_in_context},
  };
  return rules;
}

template <>
std::span<const Registered<Objective>> registry<Objective>() {
  static constexpr Registered<Objective> objectives[] = {
      {"next_token", "predict the token that follows", make_next_token},
      {"masked_token",
       "guess tokens that are hidden, as BERT (Devlin et al., 1810.04805): the vocabulary grows by "
       "one mask token, its last id",
       make_masked_token},
      {"regression",
       "give the real-valued answers of data that has features; the loss is the mean squared error",
       make_regression},
  };
  return objectives;
}

}  // namespace waiver
