#include "train/registry.h"

namespace waiver {

template <>
std::span<const Registered<Optimizer>> registry<Optimizer>() {
  static constexpr Registered<Optimizer> optimizers[] = {
      {"adamw", "Adam with decoupled weight decay (1711.05101)", make_adamw},
      {"sgd", "gradient descent with momentum", make_sgd},
  };
  return optimizers;
}

}  // namespace waiver
