#pragma once

#include "model/mlp/mlp.h"

namespace waiver {

std::unique_ptr<Mlp> make_relu();
std::unique_ptr<Mlp> make_gelu();
std::unique_ptr<Mlp> make_linear();
std::unique_ptr<Mlp> make_swiglu();
std::unique_ptr<Mlp> make_no_mlp();

}  // namespace waiver
