#include "model/attention/exponential.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / Σ e^s.
class Softmax : public Exponential {
 public:
};

}  // namespace

Registered<Normalizer> softmax_kind() {
  return kind_of<Normalizer, Softmax>("softmax", "e^s / Σ e^s (Vaswani et al., 1706.03762)");
}

}  // namespace waiver
