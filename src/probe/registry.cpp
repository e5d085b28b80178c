#include "probe/metric.h"

namespace waiver {

namespace {

bool of_tokens(const ProbeContext& c) { return c.data->features() == 0; }
bool of_features(const ProbeContext& c) { return c.data->features() > 0; }
bool next_token_task(const ProbeContext& c) {
  return c.data->is_task() && c.data->mask_token() < 0;
}
bool masked_task(const ProbeContext& c) { return c.data->is_task() && c.data->mask_token() >= 0; }
bool has_added_keys(const ProbeContext& c) { return c.added > 0; }

}  // namespace

std::span<const RegisteredMetric> metrics() {
  static constexpr RegisteredMetric all[] = {
      {"received_attention", make_received_attention},
      {"added_attention", make_added_attention, has_added_keys},
      {"attention_entropy", make_attention_entropy},
      {"delta_logit", make_delta_logit},
      {"values", make_values},
      {"keys", make_keys},
      {"residual", make_residual},
      {"loss", make_loss, of_tokens},
      {"risks", make_risks, next_token_task},
      {"masked_risks", make_masked_risks, masked_task},
      {"squared_error", make_squared_error, of_features},
  };
  return all;
}

}  // namespace waiver
