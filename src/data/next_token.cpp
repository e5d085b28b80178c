#include <algorithm>

#include "data/objective.h"
#include "data/wrapped/wrapped.h"

namespace waiver {
namespace {

/// Another dataset in which the first `given` tokens are not predicted.
class GivenPrefix : public WrappedDataset {
 public:
  GivenPrefix(int64_t given, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), given_(given) {}
  void fill(const Draws& draws, Batch& out) const override {
    data_->fill(draws, out);
    const int64_t skipped =
        std::min(given_ - 1, out.tokens);  // the target at place t is token t + 1
    for (int64_t b = 0; b < out.batch; ++b)
      std::fill_n(out.targets.begin() + b * out.tokens, skipped, -1);
  }

 private:
  int64_t given_;
};

/// Datasets set these targets themselves.
class NextToken : public Objective {
 public:
  std::unique_ptr<Dataset> apply(std::unique_ptr<Dataset> data, int64_t given) const override {
    if (given < 2) return data;
    return std::make_unique<GivenPrefix>(given, std::move(data));
  }
};

}  // namespace

Registered<Objective> next_token_kind() {
  return kind_of<Objective, NextToken>("next_token", "predict the token that follows");
}

}  // namespace waiver
