#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/threads.h"
#include "data/objective.h"
#include "data/wrapped/wrapped.h"

namespace waiver {
namespace {

struct Shares {
  double rate = 0.15, mask = 0.8, random = 0.1;
  int64_t token = -1;
};

/// Another dataset with some tokens masked. A position is chosen with probability `rate`, unless it
/// is among the first `given`, every sequence has the same token there, or its token is a special
/// one or padding; a sequence in which none is chosen gets one. A chosen token becomes the mask
/// token, a random token of the data, or stays, and is the target at its own position; all other
/// targets are −1. The mask token is one of the data's, or has the id after theirs.
class MaskedDataset : public WrappedDataset {
 public:
  MaskedDataset(const Shares& shares, int64_t given, std::unique_ptr<Dataset> data)
      : WrappedDataset(std::move(data)), shares_(shares), given_(given), own_(data_->content()) {
    if (const int32_t mask = mask_token(); own_.contains(mask))
      own_.except.insert(std::ranges::upper_bound(own_.except, mask), mask);
  }
  int64_t vocabulary() const override { return data_->vocabulary() + (is_new() ? 1 : 0); }
  int32_t mask_token() const override {
    return static_cast<int32_t>(is_new() ? data_->vocabulary() : shares_.token);
  }
  TokenRange content() const override { return own_; }
  void fill(const Draws& draws, Batch& out) const override {
    data_->fill(draws, out);
    out.whole = out.inputs;
    parallel_ranges(out.batch, 8, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        hide_some(draws.numbers("masks", b, 3 * out.tokens), b, out);
    });
  }

  void next(const int32_t* inputs, int64_t t, std::span<float> p) const override {
    data_->next(inputs, t, p.first(data_->vocabulary()));
    if (is_new()) p.back() = 0.0f;
  }
  std::string text(int32_t token) const override {
    return is_new() && token == mask_token() ? "<mask>" : data_->text(token);
  }

 private:
  bool is_new() const { return shares_.token < 0; }

  // Each place t has three random numbers: whether it is masked, how, and with which token.
  void hide_some(const SequenceRandom& random, int64_t b, Batch& out) const {
    const int64_t T = out.tokens;
    int32_t *x = &out.inputs[b * T], *y = &out.targets[b * T];
    double lowest = 1;
    int64_t nearest = -1, hidden = 0;
    for (int64_t t = 0; t < T; ++t) {
      y[t] = -1;
      if (t < given_ || data_->fixed(t) || !own_.contains(x[t])) continue;
      const double u = random.uniform(3 * t);
      if (u < lowest) lowest = u, nearest = t;
      if (u >= shares_.rate) continue;
      hide(random, t, x[t], y[t]);
      ++hidden;
    }
    if (hidden == 0 && nearest >= 0) hide(random, nearest, x[nearest], y[nearest]);
  }

  void hide(const SequenceRandom& random, int64_t t, int32_t& input, int32_t& target) const {
    target = input;
    const double u = random.uniform(3 * t + 1);
    if (u < shares_.mask)
      input = mask_token();
    else if (u < shares_.mask + shares_.random)
      input = own_(random.uniform(3 * t + 2));
  }

  Shares shares_;
  int64_t given_;
  TokenRange own_;
};

class MaskedToken : public Objective {
 public:
  void options(FieldVisitor& v) override {
    v.field({"rate",
             "probability that a position is chosen; the loss covers only those (15 % in "
             "1810.04805)",
             {0, 1, true, false}},
            shares_.rate);
    v.field({"mask", "share of them that become the mask token (80 %)", between(0, 1)},
            shares_.mask);
    v.field({"random", "share of them that become a random token (10 %); the rest stay (10 %)",
             between(0, 1)},
            shares_.random);
    v.field({"token", "the id of the mask token, one of the data's; -1: a new one after them",
             at_least(-1)},
            shares_.token);
  }
  bool hides_tokens() const override { return true; }
  std::string refuse() const override {
    const double sum = shares_.mask + shares_.random;
    return sum > 1.0 + 1e-9 ? "the shares mask and random add up to more than 1" : "";
  }
  std::unique_ptr<Dataset> apply(std::unique_ptr<Dataset> data, int64_t given) const override {
    if (shares_.token >= data->vocabulary())
      throw UsageError("train.objective.token",
                       std::to_string(shares_.token) + " is not a token id of this data",
                       "Ids go up to " + std::to_string(data->vocabulary() - 1) + ".");
    return std::make_unique<MaskedDataset>(shares_, given, std::move(data));
  }

 private:
  Shares shares_;
};

}  // namespace

Registered<Objective> masked_token_kind() {
  return kind_of<Objective, MaskedToken>(
      "masked_token",
      "predict masked tokens, as BERT does (Devlin et al., 1810.04805): the vocabulary grows by "
      "one mask token, its last id, unless `token` names one");
}

}  // namespace waiver
