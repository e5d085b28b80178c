#pragma once

#include "model/norm/norm.h"

namespace waiver {

std::unique_ptr<Norm> make_layer_norm();
std::unique_ptr<Norm> make_rms_norm();
std::unique_ptr<Norm> make_no_norm();

}  // namespace waiver
