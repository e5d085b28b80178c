#include "model/mlp/registry.h"

namespace waiver {

template <>
std::span<const Registered<Mlp>> registry<Mlp>() {
  static constexpr Registered<Mlp> mlps[] = {
      {"relu", "max(0, x W_up) W_down (Vaswani et al., 1706.03762)", make_relu},
      {"gelu", "the same with x Φ(x), exact (by erf), as GPT-2 in nanoGPT (1606.08415)", make_gelu},
      {"swiglu", "(silu(x W_gate) ⊙ x W_up) W_down, silu(z) = z σ(z) (Shazeer, 2002.05202)",
       make_swiglu},
      {"linear", "x W_up W_down: no activation", make_linear},
      {"none", "no MLP in any block", make_no_mlp},
  };
  return mlps;
}

}  // namespace waiver
