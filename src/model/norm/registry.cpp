#include "model/norm/registry.h"

namespace waiver {

template <>
std::span<const Registered<Norm>> registry<Norm>() {
  static constexpr Registered<Norm> norms[] = {
      {"layer",
       "LayerNorm: (x − mean) / √(variance + eps), times gain, plus bias (Ba et al., 1607.06450)",
       make_layer_norm},
      {"rms", "RMSNorm: x / √(mean x² + eps), times gain (Zhang and Sennrich, 1910.07467)",
       make_rms_norm},
      {"none", "no normalisation anywhere", make_no_norm},
  };
  return norms;
}

}  // namespace waiver
