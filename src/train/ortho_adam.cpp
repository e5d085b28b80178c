#include <algorithm>
#include <map>

#include "core/orthogonal.h"
#include "core/products/gemm.h"
#include "core/scratch.h"
#include "core/threads.h"
#include "train/adam_rule.h"
#include "train/flat_optimizer.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // rows of a tile

/// G̃ = P G Qᵀ;  Adam's moments and step S̃ from G̃;  w −= lr · weight_decay · w;  w −= Pᵀ S̃ Q
/// (Kaul et al., 2410.17174, algorithm 1), with fixed random orthogonal P and Q. The paper rotates
/// a whole flattened parameter; here a matrix [R, C] is rotated along both of its axes, which is
/// the same with the orthogonal matrix P ⊗ Q and takes R² + C² numbers instead of (R·C)². A vector
/// is one row; further axes count as rows. Axes of equal length share a matrix.
class OrthoAdam : public ArrayOptimizer {
 public:
  void options(FieldVisitor& v) override {
    v.field({"lr", "learning rate", at_least(0)}, lr_);
    rule_.options(v);
    v.field({"largest_axis",
             "longest axis of a parameter that is rotated; longer ones, such as a large "
             "vocabulary, are left as they are",
             between(2, 8192)},
            largest_axis_);
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment1", "moment2"}; }

  using Optimizer::build;
  void build(const ParameterSet& parameters, uint64_t seed, const Slice& own) override {
    ArrayOptimizer::build(parameters, seed, own);
    memory_ = std::make_shared<Arena>();
    rotations_.clear();
    int64_t largest = 0;
    for (const Parameter& p : parameters.all()) {
      if (!updates(parameters, p)) continue;
      largest = std::max(largest, p.shape.size());
      for (const int64_t n : {p.shape[-1], p.shape.size() / p.shape[-1]})
        if (n > 1 && n <= largest_axis_ && !rotations_.contains(n)) {
          rotations_[n] = memory_->tensor({n, n});
          random_orthogonal(Random(seed, "ortho_adam", n), rotations_[n]);
        }
    }
    buffer_ = memory_->tensor({largest});
  }

  void update(ParameterSet& parameters, const Update& how) override {
    for (Parameter& p : parameters.all())
      if (updates(parameters, p)) update_one(parameters, p, how);
  }

 private:
  bool updates(const ParameterSet& parameters, const Parameter& p) const {
    return p.variable.wants_grad() && own().holds(parameters.offset(p));
  }

  const float* turn(int64_t n) const {
    const auto found = rotations_.find(n);
    return found == rotations_.end() ? nullptr : found->second.data;
  }

  void update_one(const ParameterSet& parameters, const Parameter& p, const Update& how) {
    const int64_t C = p.shape[-1], R = p.shape.size() / C, at = parameters.offset(p);
    const float *left = turn(R), *right = turn(C), *grad = p.variable.grad.data;
    float *w = p.variable.value.data, *step = buffer_.data;
    parallel_ranges(R, kRows, [&](int64_t begin, int64_t end) {
      const int64_t rows = end - begin, here = begin * C;
      const float* g = grad + here;
      Scratch memory;
      if (left) g = product(memory, left + begin * R, rows, R, Op::plain, grad, C);
      if (right) g = product(memory, g, rows, C, Op::transposed, right, C);
      float* s = right ? memory.floats(rows * C) : step + here;
      adam(g, s, at + here, rows * C, how);
      if (right) gemm(Op::plain, Op::plain, rows, C, C, 1.0f, s, C, right, C, 0.0f, step + here, C);
    });
    const auto keep = static_cast<float>(1.0 - lr_ * how.lr_factor * decay_of(p));
    parallel_ranges(R, kRows, [&](int64_t begin, int64_t end) {
      const int64_t rows = end - begin, here = begin * C;
      for (int64_t i = here; i < end * C; ++i) w[i] *= keep;
      if (left)
        gemm(Op::transposed, Op::plain, rows, C, R, -1.0f, left + begin, R, step, C, 1.0f, w + here,
             C);
      else
        for (int64_t i = here; i < end * C; ++i) w[i] -= step[i];
    });
  }

  // A [m, k] · op(B) [k, n].
  static const float* product(Scratch& memory, const float* A, int64_t m, int64_t k, Op b,
                              const float* B, int64_t n) {
    float* out = memory.floats(m * n);
    gemm(Op::plain, b, m, n, k, 1.0f, A, k, B, b == Op::plain ? n : k, 0.0f, out, n);
    return out;
  }

  // Steps from rotated gradients; the moments begin at `at`.
  void adam(const float* g, float* step, int64_t at, int64_t count, const Update& how) {
    const AdamRule::Step rule = rule_.at(how, lr_);
    const auto scale = static_cast<float>(how.grad_factor);
    float *m = state_at(0, at), *v = state_at(1, at);
    for (int64_t i = 0; i < count; ++i) step[i] = rule(scale * g[i], m[i], v[i]);
  }

  AdamRule rule_;
  int64_t largest_axis_ = 2048;
  std::shared_ptr<Arena> memory_;
  std::map<int64_t, Tensor> rotations_;  // the orthogonal matrix for axes of each length
  Tensor buffer_;                        // the steps of one parameter
};

}  // namespace

Registered<Optimizer> ortho_adam_kind() {
  return kind_of<Optimizer, OrthoAdam>(
      "ortho_adam",
      "Adam on gradients rotated by fixed random orthogonal matrices, with the steps rotated back, "
      "so that no channel is a privileged axis (2410.17174)");
}

}  // namespace waiver
