#include "probe/metrics/metric.h"

// One line for each metric, in the order in which they are measured and listed.

namespace waiver {

#define METRICS(METRIC)       \
  METRIC(received_attention)  \
  METRIC(proxy_attention)     \
  METRIC(bos_attention)       \
  METRIC(first_argmax)        \
  METRIC(added_attention)     \
  METRIC(proxy_added)         \
  METRIC(added_values)        \
  METRIC(attention_entropy)   \
  METRIC(delta_logit)         \
  METRIC(values)              \
  METRIC(waiver_score)        \
  METRIC(waiver_anywhere)     \
  METRIC(elements)            \
  METRIC(element_states)      \
  METRIC(roles)               \
  METRIC(role_residual)       \
  METRIC(head_output)         \
  METRIC(keys)                \
  METRIC(residual)            \
  METRIC(outliers)            \
  METRIC(attention_outliers)  \
  METRIC(massive_activations) \
  METRIC(over_mixing)         \
  METRIC(matrix_entropy)      \
  METRIC(gradient_sink)       \
  METRIC(loss)                \
  METRIC(risks)               \
  METRIC(masked_risks)        \
  METRIC(squared_error)       \
  METRIC(output_distance)

#define DECLARE(name) RegisteredMetric name##_metric();
#define CALL(name) name##_metric(),
METRICS(DECLARE)

std::span<const RegisteredMetric> metrics() {
  static const RegisteredMetric all[] = {METRICS(CALL)};
  return all;
}

}  // namespace waiver
