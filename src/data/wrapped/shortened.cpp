#include "data/wrapped/shortened.h"

#include <algorithm>

#include "data/wrapped/wrapped.h"

namespace waiver {
namespace {

/// The first parts of arrays of `batch` equal sequences, of which each has `length` tokens.
template <typename T>
void cut(std::vector<T>& all, int64_t batch, int64_t length, int64_t tokens) {
  const int64_t per_token = std::ssize(all) / (batch * length);
  std::vector<T> out;
  for (int64_t b = 0; b < batch; ++b) {
    const auto from = all.begin() + b * length * per_token;
    out.insert(out.end(), from, from + tokens * per_token);
  }
  all = std::move(out);
}

class ShortenedDataset : public WrappedDataset {
 public:
  ShortenedDataset(int64_t length, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), length_(length) {}
  void fill(const Draws& draws, Batch& out) const override {
    if (draws.split() != Split::probe || out.tokens >= length_) return data_->fill(draws, out);
    Batch whole;
    whole.resize(out.batch, length_);
    data_->fill(draws, whole);
    cut(whole.inputs, out.batch, length_, out.tokens);
    cut(whole.targets, out.batch, length_, out.tokens);
    cut(whole.whole, out.batch, length_, out.tokens);
    cut(whole.features, out.batch, length_, out.tokens);
    cut(whole.answers, out.batch, length_, out.tokens);
    whole.tokens = out.tokens;
    out = std::move(whole);
  }

 private:
  int64_t length_;
};

}  // namespace

std::unique_ptr<Dataset> with_short_probes(std::unique_ptr<Dataset> data, int64_t length) {
  return std::make_unique<ShortenedDataset>(length, std::move(data));
}

}  // namespace waiver
