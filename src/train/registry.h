#pragma once

#include "train/flat_optimizer.h"

namespace waiver {

std::unique_ptr<Optimizer> make_adamw();
std::unique_ptr<Optimizer> make_sgd();

}  // namespace waiver
