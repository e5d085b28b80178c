#include "model/attention/exponential.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / (1 + Σ e^s): softmax with an extra score of 0 whose weight goes nowhere
/// (Miller, "Attention is off by one", 2023; Kaul et al., 2410.17174).
class Softmax1 : public Exponential {
 public:
  RowState start(int64_t, int64_t, int64_t) const override { return {0, 1}; }
};

}  // namespace

Registered<Normalizer> softmax1_kind() {
  return kind_of<Normalizer, Softmax1>(
      "softmax1", "e^s / (1 + Σ e^s): some weight may go nowhere (Kaul et al., 2410.17174)");
}

}  // namespace waiver
