#pragma once

#include "data/dataset.h"

namespace waiver {

std::unique_ptr<Dataset> make_bigram_backcopy();
std::unique_ptr<Dataset> make_bigram_backcopy_random();
std::unique_ptr<Dataset> make_text();
std::unique_ptr<Dataset> make_tokens();

}  // namespace waiver
