#include <cmath>

#include "data/dataset.h"
#include "data/task.h"

namespace waiver {
namespace {

/// Tokens 0 … n − 1, drawn independently: p(v) ∝ 1 / (v + 1)^exponent. The first token is n.
class Unigram : public Task {
 public:
  Unigram() : Task(1) {}
  void options(FieldVisitor& v) override {
    v.field({"tokens", "how many tokens there are besides the first", between(2, 65535)}, tokens_);
    v.field({"exponent",
             "of Zipf's law; 0: all tokens are equally likely (Z. Liu, Sparse attention 5, 2026)",
             at_least(0)},
            exponent_);
    FramedDataset::options(v);
  }
  void open(int64_t context) override {
    std::vector<double> weights(tokens_);
    for (int64_t v = 0; v < tokens_; ++v)
      weights[v] = std::pow(static_cast<double>(v + 1), -exponent_);
    zipf_ = Sampler(weights);
    const auto n = static_cast<int32_t>(tokens_);
    set_frame(context, tokens_ + 1, {0, n}, n);
  }

 private:
  Law law(const int32_t*, int64_t) const override { return {&zipf_}; }
  std::string word(int32_t token) const override {
    return token == tokens_ ? "<s>" : std::to_string(token);
  }

  int64_t tokens_ = 100;
  double exponent_ = 1.0;
  Sampler zipf_;
};

}  // namespace

Registered<Dataset> unigram_kind() {
  return kind_of<Dataset, Unigram>("unigram",
                                   "tokens drawn independently from Zipf's law: nothing before a "
                                   "token says anything about it (Z. "
                                   "Liu, Sparse attention 5, 2026)");
}

}  // namespace waiver
