#pragma once

#include "data/dataset.h"
#include "data/objective.h"
#include "data/rule.h"

namespace waiver {

std::unique_ptr<Dataset> make_bigram_backcopy();
std::unique_ptr<Dataset> make_bigram_backcopy_random();
std::unique_ptr<Dataset> make_text();
std::unique_ptr<Dataset> make_tokens();
std::unique_ptr<Dataset> make_unigram();
std::unique_ptr<Dataset> make_trigger_average();

std::unique_ptr<TriggerRule> make_copy();
std::unique_ptr<TriggerRule> make_markov();
std::unique_ptr<TriggerRule> make_dormant();
std::unique_ptr<TriggerRule> make_interpolate();
std::unique_ptr<TriggerRule> make_in_context();

std::unique_ptr<Objective> make_next_token();
std::unique_ptr<Objective> make_masked_token();
std::unique_ptr<Objective> make_regression();

}  // namespace waiver
