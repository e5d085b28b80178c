#include "data/wrapped/padded.h"

#include <algorithm>

#include "data/wrapped/wrapped.h"

namespace waiver {
namespace {

class PaddedDataset : public WrappedDataset {
 public:
  PaddedDataset(int32_t padding, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), padding_(padding) {}
  int32_t padding() const override { return padding_; }
  TokenRange content() const override {
    TokenRange own = data_->content();
    if (own.contains(padding_))
      own.except.insert(std::ranges::upper_bound(own.except, padding_), padding_);
    return own;
  }
  void fill(const Draws& draws, Batch& out) const override {
    data_->fill(draws, out);
    const int64_t T = out.tokens;
    for (int64_t b = 0; b < out.batch; ++b) {
      int32_t* y = &out.targets[b * T];
      const int64_t text = length(&out.inputs[b * T], T);
      std::fill(y + text, y + T, -1);
      if (text > 0 && y[text - 1] == padding_) y[text - 1] = -1;
    }
  }

 private:
  int32_t padding_;
};

}  // namespace

std::unique_ptr<Dataset> with_padding(std::unique_ptr<Dataset> data, int32_t padding) {
  return std::make_unique<PaddedDataset>(padding, std::move(data));
}

}  // namespace waiver
