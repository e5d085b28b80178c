#include "probe/prober.h"

namespace waiver {

namespace {

constexpr Suited of_tokens = {
    [](const ModelConfig&, const Dataset& data) { return data.features() == 0; }, "tokens"};
constexpr Suited of_features = {
    [](const ModelConfig&, const Dataset& data) { return data.features() > 0; }, "features"};
constexpr Suited has_added_keys = {
    [](const ModelConfig& model, const Dataset&) { return Prober::added_keys(model) > 0; },
    "models with sink tokens or a slot"};
constexpr Suited next_token_task = {
    [](const ModelConfig&, const Dataset& data) { return data.is_task() && data.mask_token() < 0; },
    "tasks, next_token"};
constexpr Suited masked_task = {[](const ModelConfig&, const Dataset& data) {
                                  return data.is_task() && data.mask_token() >= 0;
                                },
                                "tasks, masked_token"};
constexpr Suited unnormalized = {
    [](const ModelConfig& model, const Dataset&) { return !model.attention.normalizer->shares(); },
    "normalizers whose weights are no shares"};

}  // namespace

std::span<const RegisteredMetric> metrics() {
  static constexpr RegisteredMetric all[] = {
      {"received_attention", make_received_attention},
      {"proxy_attention", make_proxy_attention, When::training, &unnormalized},
      {"bos_attention", make_bos_attention},
      {"first_argmax", make_first_argmax},
      {"added_attention", make_added_attention, When::training, &has_added_keys},
      {"attention_entropy", make_attention_entropy},
      {"delta_logit", make_delta_logit},
      {"values", make_values},
      {"waiver_score", make_waiver_score},
      {"keys", make_keys},
      {"residual", make_residual},
      {"outliers", make_outliers},
      {"attention_outliers", make_attention_outliers},
      {"massive_activations", make_massive_activations, When::on_demand},
      {"over_mixing", make_over_mixing},
      {"matrix_entropy", make_matrix_entropy, When::on_demand},
      {"gradient_sink", make_gradient_sink, When::on_demand, &of_tokens},
      {"loss", make_loss, When::training, &of_tokens},
      {"risks", make_risks, When::training, &next_token_task},
      {"masked_risks", make_masked_risks, When::training, &masked_task},
      {"squared_error", make_squared_error, When::training, &of_features},
  };
  return all;
}

}  // namespace waiver
