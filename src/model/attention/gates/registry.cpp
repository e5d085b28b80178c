#include "model/attention/gates/registry.h"

namespace waiver {

template <>
std::span<const Registered<Gate>> registry<Gate>() {
  static constexpr Registered<Gate> gates[] = {
      {"none", "the heads' outputs as they are", make_no_gate},
      {"head", "each head's output times σ(w_h·x + b_h), x the input of attention (2306.12929)",
       make_head_gate},
      {"output", "the heads' outputs ⊙ σ(x W), x the input of attention (2505.06708)",
       make_output_gate},
      {"value", "each head's output ⊙ σ(v W_h), v the token's own value (2510.09017)",
       make_value_gate},
  };
  return gates;
}

}  // namespace waiver
