#include "data/wrapped/given.h"

#include <algorithm>

#include "data/wrapped/wrapped.h"

namespace waiver {
namespace {

class GivenDataset : public WrappedDataset {
 public:
  GivenDataset(TokenArray tokens, int64_t given, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), tokens_(std::move(tokens)), given_(given) {}
  bool has(Split) const override { return true; }
  int64_t validation_windows(int64_t) const override { return tokens_.sequences(); }
  void fill(const Draws& draws, Batch& out) const override {
    const int64_t T = tokens_.length;
    for (int64_t b = 0; b < out.batch; ++b) {
      const int32_t* x = &tokens_.ids[draws.sequence(b) % tokens_.sequences() * T];
      std::copy_n(x, T, &out.inputs[b * T]);
      int32_t* y = &out.targets[b * T];
      std::fill_n(y, T, -1);
      const int64_t end = mask_token() < 0 ? length(x, T) : 0;
      for (int64_t t = std::max<int64_t>(1, given_); t < end; ++t) y[t - 1] = x[t];
    }
  }

 private:
  TokenArray tokens_;
  int64_t given_;
};

}  // namespace

std::unique_ptr<Dataset> given_sequences(std::unique_ptr<Dataset> data, TokenArray tokens,
                                         int64_t given) {
  return std::make_unique<GivenDataset>(std::move(tokens), given, std::move(data));
}

}  // namespace waiver
