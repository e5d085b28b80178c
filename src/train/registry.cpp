#include "train/registry.h"

namespace waiver {

template <>
std::span<const Registered<Optimizer>> registry<Optimizer>() {
  static constexpr Registered<Optimizer> optimizers[] = {
      {"adamw", "Adam with decoupled weight decay (1711.05101)", make_adamw},
      {"adam", "Adam; weight decay is an L2 term of the gradient (1412.6980)", make_adam},
      {"sgd", "gradient descent with momentum, Nesterov's if wanted (Sutskever et al., ICML 2013)",
       make_sgd},
      {"lion", "the sign of a moment, one state per weight (2302.06675)", make_lion},
      {"ortho_adam",
       "Adam on gradients turned by fixed random orthogonal matrices, the steps turned back, so "
       "that no channel is an axis of its own (2410.17174)",
       make_ortho_adam},
  };
  return optimizers;
}

}  // namespace waiver
