#include "core/random.h"
#include "core/threads.h"
#include "data/registry.h"
#include "data/wrapped.h"

namespace waiver {
namespace {

struct Shares {
  double rate = 0.15, mask = 0.8, random = 0.1;
};

/// Another dataset with tokens hidden. A position is chosen with probability `rate`, unless it is
/// among the first `given` or every sequence has the same token there; a sequence without any gets
/// one. A chosen token becomes the mask token, a random token of the data, or stays, and is the
/// target at its own position; all other targets are −1. The mask token has the id after those of
/// the data.
class MaskedDataset : public WrappedDataset {
 public:
  MaskedDataset(const Shares& shares, int64_t given, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), shares_(shares), given_(given) {}
  std::unique_ptr<Dataset> clone() const override {
    return std::make_unique<MaskedDataset>(shares_, given_, data_->clone());
  }
  int64_t vocabulary() const override { return data_->vocabulary() + 1; }
  int32_t mask_token() const override { return static_cast<int32_t>(data_->vocabulary()); }
  void batch(uint64_t seed, Split split, int64_t index, Batch& out) const override {
    data_->batch(seed, split, index, out);
    out.whole = out.inputs;
    const Random random(seed, std::string(split_name(split)) + " masks",
                        static_cast<uint64_t>(index));
    parallel_ranges(out.batch, 8, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) hide_some(random, b, out);
    });
  }

  void next(const int32_t* inputs, int64_t t, std::span<float> p) const override {
    data_->next(inputs, t, p.first(p.size() - 1));
    p.back() = 0.0f;
  }
  std::string text(int32_t token) const override {
    return token == mask_token() ? "<mask>" : data_->text(token);
  }

 private:
  // Three numbers belong to each place of the batch: whether, how, and by which token it is hidden.
  void hide_some(const Random& random, int64_t b, Batch& out) const {
    const int64_t T = out.tokens;
    double lowest = 1;
    int64_t nearest = -1, hidden = 0;
    for (int64_t n = b * T; n < (b + 1) * T; ++n) {
      out.targets[n] = -1;
      if (n - b * T < given_ || data_->fixed(n - b * T)) continue;
      const double u = random.uniform(3 * n);
      if (u < lowest) lowest = u, nearest = n;
      if (u >= shares_.rate) continue;
      hide(random, n, out);
      ++hidden;
    }
    if (hidden == 0 && nearest >= 0) hide(random, nearest, out);
  }

  void hide(const Random& random, int64_t n, Batch& out) const {
    out.targets[n] = out.inputs[n];
    const double u = random.uniform(3 * n + 1);
    if (u < shares_.mask)
      out.inputs[n] = mask_token();
    else if (u < shares_.mask + shares_.random)
      out.inputs[n] = content()(random.uniform(3 * n + 2));
  }

  Shares shares_;
  int64_t given_;
};

class MaskedToken : public Objective {
 public:
  std::unique_ptr<Objective> clone() const override { return std::make_unique<MaskedToken>(*this); }
  void options(FieldVisitor& v) override {
    v.field("rate", shares_.rate, {0, 1, true, false},
            "probability that a position is chosen; the loss is over those alone (15 % in "
            "1810.04805)");
    v.field("mask", shares_.mask, between(0, 1), "share of them that become the mask token (80 %)");
    v.field("random", shares_.random, between(0, 1),
            "share of them that become a random token (10 %); the rest stay (10 %)");
  }
  bool hides_tokens() const override { return true; }
  std::string refuse() const override {
    const double sum = shares_.mask + shares_.random;
    return sum > 1.0 + 1e-9 ? "the shares mask and random come to more than 1" : "";
  }
  std::unique_ptr<Dataset> apply(std::unique_ptr<Dataset> data, int64_t given) const override {
    return std::make_unique<MaskedDataset>(shares_, given, std::move(data));
  }

 private:
  Shares shares_;
};

}  // namespace

std::unique_ptr<Objective> make_masked_token() { return std::make_unique<MaskedToken>(); }

}  // namespace waiver
