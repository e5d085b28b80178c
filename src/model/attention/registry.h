#pragma once

#include "model/attention/mask.h"
#include "model/attention/normalizer.h"
#include "model/attention/slot.h"

namespace waiver {

std::unique_ptr<Mask> make_causal();
std::unique_ptr<Mask> make_bidirectional();

std::unique_ptr<Normalizer> make_softmax();
std::unique_ptr<Normalizer> make_softmax1();
std::unique_ptr<Normalizer> make_sink_logit();
std::unique_ptr<Normalizer> make_sigmoid();
std::unique_ptr<Normalizer> make_elu1();
std::unique_ptr<Normalizer> make_relu_normalizer();
std::unique_ptr<Normalizer> make_softpick();
std::unique_ptr<Normalizer> make_clipped();

std::unique_ptr<Slot> make_no_slot();
std::unique_ptr<Slot> make_key_slot();
std::unique_ptr<Slot> make_key_value_slot();

}  // namespace waiver
