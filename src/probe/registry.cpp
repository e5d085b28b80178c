#include "probe/metric.h"

namespace waiver {

std::span<const RegisteredMetric> metrics() {
  static constexpr RegisteredMetric all[] = {
      {"received_attention", make_received_attention},
      {"attention_entropy", make_attention_entropy},
      {"delta_logit", make_delta_logit},
      {"values", make_values},
      {"keys", make_keys},
      {"residual", make_residual},
      {"loss", make_loss},
      {"risks", make_risks, true},
  };
  return all;
}

}  // namespace waiver
