#include "model/flops.h"

#include <algorithm>

namespace waiver {

double useful_flops_per_token(const ModelConfig& m, int64_t vocabulary) {
  const int64_t H = m.heads, K = m.key_heads(), D = m.channels_per_head(), T = m.context,
                R = m.sink_tokens;
  const int64_t attention =
      m.width * (2 * H + 2 * K) * D + m.attention.gate->products({H, D, m.width});
  const int64_t mlp = m.mlp.kind->products() * m.width * m.mlp.width;
  int64_t blocks = 0, attending = 0;
  for (int64_t l = 0; l < m.layers; ++l) {
    blocks += m.has_attention(l) * attention + m.has_mlp(l) * mlp;
    attending += m.has_attention(l);
  }
  const int64_t transform = m.output.transform == OutputTransform::none ? 0 : m.width * m.width;
  const int64_t output = m.gives_logits() ? m.width * vocabulary + transform : 0;
  const int64_t twice_keys = (m.attention.mask->sees_future() ? 2 * T : T) + 2 * R;
  const double rows = 1.0 + static_cast<double>(R) / static_cast<double>(T);
  return 6.0 * (rows * static_cast<double>(blocks) + static_cast<double>(output) +
                static_cast<double>(attending * twice_keys * H * D));
}

}  // namespace waiver
