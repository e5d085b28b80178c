#include "model/attention/exponential.h"
#include "model/attention/registry.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / (1 + Σ e^s): softmax with one more score of 0 whose weight goes nowhere
/// (Miller, "Attention is off by one", 2023; Kaul et al., 2410.17174).
class Softmax1 : public Exponential {
 public:
  std::unique_ptr<Normalizer> clone() const override { return std::make_unique<Softmax1>(*this); }
  RowState start(int64_t, int64_t, int64_t) const override { return {0, 1}; }
};

}  // namespace

std::unique_ptr<Normalizer> make_softmax1() { return std::make_unique<Softmax1>(); }

}  // namespace waiver
