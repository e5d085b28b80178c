#include "model/attention/exponential.h"
#include "model/attention/registry.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / Σ e^s.
class Softmax : public Exponential {
 public:
  std::unique_ptr<Normalizer> clone() const override { return std::make_unique<Softmax>(*this); }
};

}  // namespace

std::unique_ptr<Normalizer> make_softmax() { return std::make_unique<Softmax>(); }

}  // namespace waiver
