#pragma once

#include "train/flat_optimizer.h"

namespace waiver {

std::unique_ptr<Optimizer> make_adamw();
std::unique_ptr<Optimizer> make_adam();
std::unique_ptr<Optimizer> make_sgd();
std::unique_ptr<Optimizer> make_lion();
std::unique_ptr<Optimizer> make_ortho_adam();

}  // namespace waiver
