#include "probe/edits/edit_rule.h"

namespace waiver {

template <>
std::span<const Registered<EditRule>> registry() {
  static constexpr Registered<EditRule> all[] = {
      {"zero", "zeros", make_zero},
      {"set", "one number everywhere; of tokens and positions, an id", make_set},
      {"mean", "the mean over the positions of the sequence", make_mean},
      {"scale", "times a factor", make_scale},
      {"patch", "what stands at another position", make_patch},
      {"permute", "the same numbers in another order of channels", make_permute},
      {"noise", "a random direction at the same norm", make_noise},
      {"swap", "two positions change places", make_swap},
      {"hide", "keys are taken away, and the others share the row", make_hide},
  };
  return all;
}

}  // namespace waiver
