#include "probe/metric.h"

namespace waiver {

namespace {

bool next_token_task(const Dataset& data) { return data.is_task() && data.mask_token() < 0; }
bool masked_task(const Dataset& data) { return data.is_task() && data.mask_token() >= 0; }

}  // namespace

std::span<const RegisteredMetric> metrics() {
  static constexpr RegisteredMetric all[] = {
      {"received_attention", make_received_attention},
      {"attention_entropy", make_attention_entropy},
      {"delta_logit", make_delta_logit},
      {"values", make_values},
      {"keys", make_keys},
      {"residual", make_residual},
      {"loss", make_loss},
      {"risks", make_risks, next_token_task},
      {"masked_risks", make_masked_risks, masked_task},
  };
  return all;
}

}  // namespace waiver
