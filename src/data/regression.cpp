#include "data/registry.h"

namespace waiver {
namespace {

/// Datasets with features give their answers by themselves.
class Regression : public Objective {
 public:
  std::unique_ptr<Objective> clone() const override { return std::make_unique<Regression>(*this); }
  bool predicts_tokens() const override { return false; }
  std::unique_ptr<Dataset> apply(std::unique_ptr<Dataset> data, int64_t) const override {
    return data;
  }
};

}  // namespace

std::unique_ptr<Objective> make_regression() { return std::make_unique<Regression>(); }

}  // namespace waiver
