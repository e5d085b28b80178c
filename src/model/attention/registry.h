#pragma once

#include "model/attention/mask.h"
#include "model/attention/normalizer.h"

namespace waiver {

std::unique_ptr<Mask> make_causal();
std::unique_ptr<Mask> make_bidirectional();

std::unique_ptr<Normalizer> make_softmax();

}  // namespace waiver
