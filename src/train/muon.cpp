#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/products/gemm.h"
#include "core/scratch.h"
#include "core/threads.h"
#include "core/transpose.h"
#include "train/adam_rule.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // of a matrix in one tile

bool is_hidden_matrix(const Parameter& p) {
  return matches("blocks.*.attn.qkv.weight", p.name) ||
         matches("blocks.*.attn.out.weight", p.name) || matches("blocks.*.mlp.*.weight", p.name);
}

/// A matrix within a parameter: all of it, or its q, k or v.
struct Matrix {
  int64_t rows, columns, pitch, at;  // `at`: its first number in the flat views
  double decay;

  bool tall() const { return rows > columns; }
};

/// Muon (Jordan et al., kellerjordan.github.io/posts/muon, and the code published there). For a
/// hidden matrix W [in, out] with gradient G:
///   M = β M + (1−β) G;  X = β M + (1−β) G, divided by its Frobenius norm;
///   five times: A = X Xᵀ, X = 3.4445 X + (−4.775 A + 2.0315 A²) X;
///   W −= lr · (weight_decay · W + √max(1, out/in) · X).
/// The iteration (Newton-Schulz) takes X = U S Vᵀ close to U Vᵀ: singular values from 0.002 up end
/// between 0.68 and 1.21. The published code iterates in bfloat16, this in float32; q, k and v are
/// separate matrices. AdamW updates all other parameters, as it does there.
class Muon : public ArrayOptimizer {
 public:
  Muon() { lr_ = 0.02; }
  void options(FieldVisitor& v) override {
    v.field({"lr",
             "learning rate of the matrices within attention and the MLP: about the largest "
             "singular value of the step of a square one",
             at_least(0)},
            lr_);
    v.field({"momentum", "decay rate of these matrices' moment, with Nesterov's look-ahead",
             from_below(0, 1)},
            momentum_);
    v.field({"adam_lr", "learning rate of everything else, which AdamW updates", at_least(0)},
            adam_lr_);
    rule_.options(v);
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment1", "moment2"}; }

  using Optimizer::build;
  void build(const ParameterSet& parameters, uint64_t seed, const Slice& own) override {
    ArrayOptimizer::build(parameters, seed, own);
    matrices_.clear();
    ranges_.clear();
    for (const Parameter& p : parameters.all())
      if (p.variable.wants_grad() && own.holds(parameters.offset(p))) add(parameters, p);
    memory_ = std::make_shared<Arena>();
    int64_t shorter = 0, longer = 0;
    for (const Matrix& m : matrices_) {
      shorter = std::max(shorter, std::min(m.rows, m.columns));
      longer = std::max(longer, std::max(m.rows, m.columns));
    }
    X_ = memory_->matrix(shorter, longer);
    next_ = memory_->matrix(shorter, longer);
    A_ = memory_->matrix(shorter, shorter);
    B_ = memory_->matrix(shorter, shorter);
    squares_ = memory_->array<double>(longer / kRows + 1);
  }

  void update(ParameterSet& parameters, const Update& how) override {
    float* w = parameters.values().data();
    const float* g = parameters.grads().data();
    for (const Matrix& m : matrices_) {
      const int64_t rows = std::min(m.rows, m.columns), columns = std::max(m.rows, m.columns);
      for (Tensor* t : {&X_, &next_}) t->shape = {rows, columns};
      for (Tensor* t : {&A_, &B_}) t->shape = {rows, rows};
      look_ahead(m, g, how);
      for (int step = 0; step < 5; ++step) orthogonalize();
      subtract(m, w, how);
    }
    parallel_tiles(std::ssize(ranges_), [&](int64_t i) {
      const int64_t at = ranges_[i].begin;
      rule_.decoupled(ranges_[i], w, g, state_at(0, at), state_at(1, at), how, adam_lr_);
    });
  }

 private:
  void add(const ParameterSet& parameters, const Parameter& p) {
    if (!is_hidden_matrix(p)) {
      const std::vector<Range> ranges = ranges_of(parameters, p);
      ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
      return;
    }
    const int64_t pitch = p.shape[1];
    int64_t at = parameters.offset(p);
    for (const int64_t columns : p.parts.empty() ? std::vector{pitch} : p.parts) {
      matrices_.push_back({p.shape[0], columns, pitch, at, decay_of(p)});
      at += columns;
    }
  }

  // Updates the moment and gives X, of norm 1 and transposed where the matrix is tall.
  void look_ahead(const Matrix& m, const float* grads, const Update& how) {
    const auto beta = static_cast<float>(momentum_), scale = static_cast<float>(how.grad_factor);
    parallel_ranges(m.rows, kRows, [&](int64_t begin, int64_t end) {
      Scratch memory;
      const int64_t pitch = m.tall() ? m.columns : X_.stride();
      float* x = m.tall() ? memory.floats((end - begin) * pitch) : X_.row(begin);
      double squares = 0;
      for (int64_t r = 0; r < end - begin; ++r) {
        const int64_t at = m.at + (begin + r) * m.pitch;
        float* moment = state_at(0, at);
        for (int64_t c = 0; c < m.columns; ++c) {
          const float g = scale * grads[at + c];
          moment[c] = beta * moment[c] + (1.0f - beta) * g;
          const float ahead = beta * moment[c] + (1.0f - beta) * g;
          x[r * pitch + c] = ahead;
          squares += static_cast<double>(ahead) * ahead;
        }
      }
      if (m.tall()) transpose(x, pitch, end - begin, m.columns, X_.data + begin, X_.stride());
      squares_[begin / kRows] = squares;
    });
    double squares = 0;
    for (int64_t tile = 0; tile * kRows < m.rows; ++tile) squares += squares_[tile];
    const auto shrink = static_cast<float>(1.0 / (std::sqrt(squares) + 1e-7));
    for_rows([&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t c = 0; c < X_.dim(1); ++c) X_.row(r)[c] *= shrink;
    });
  }

  // One step of the iteration.
  void orthogonalize() {
    const int64_t n = X_.dim(0), length = X_.dim(1);
    for_rows([&](int64_t begin, int64_t end) {
      gemm(Op::plain, Op::transposed, end - begin, n, length, 1.0f, X_.row(begin), X_.stride(),
           X_.data, X_.stride(), 0.0f, A_.row(begin), A_.stride());
    });
    for_rows([&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(A_.row(r), n, B_.row(r));
      gemm(Op::plain, Op::plain, end - begin, n, n, 2.0315f, A_.row(begin), A_.stride(), A_.data,
           A_.stride(), -4.7750f, B_.row(begin), B_.stride());
    });
    for_rows([&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(X_.row(r), length, next_.row(r));
      gemm(Op::plain, Op::plain, end - begin, length, n, 1.0f, B_.row(begin), B_.stride(), X_.data,
           X_.stride(), 3.4445f, next_.row(begin), next_.stride());
    });
    std::swap(X_, next_);
  }

  void subtract(const Matrix& m, float* weights, const Update& how) {
    const double lr = lr_ * how.lr_factor, out = static_cast<double>(m.columns),
                 in = static_cast<double>(m.rows);
    const auto rate = static_cast<float>(lr * std::sqrt(std::max(1.0, out / in)));
    const auto keep = static_cast<float>(1.0 - lr * m.decay);
    parallel_ranges(m.rows, kRows, [&](int64_t begin, int64_t end) {
      Scratch memory;
      const int64_t pitch = m.tall() ? m.columns : X_.stride();
      float* x = m.tall() ? memory.floats((end - begin) * pitch) : X_.row(begin);
      if (m.tall()) transpose(X_.data + begin, X_.stride(), m.columns, end - begin, x, pitch);
      for (int64_t r = 0; r < end - begin; ++r) {
        float* w = weights + m.at + (begin + r) * m.pitch;
        for (int64_t c = 0; c < m.columns; ++c) w[c] = keep * w[c] - rate * x[r * pitch + c];
      }
    });
  }

  template <class F>
  void for_rows(const F& f) const {
    parallel_ranges(X_.dim(0), kRows, f);
  }

  double momentum_ = 0.95, adam_lr_ = 3e-4;
  AdamRule rule_;
  std::vector<Matrix> matrices_;
  std::vector<Range> ranges_;
  std::shared_ptr<Arena> memory_;
  Tensor X_, next_, A_, B_;
  double* squares_ = nullptr;  // of each tile of rows
};

}  // namespace

Registered<Optimizer> muon_kind() {
  return kind_of<Optimizer, Muon>(
      "muon",
      "orthogonalised steps for the matrices within attention and the MLP, q, k and v separately; "
      "AdamW for embeddings, position tables, the output, gains, biases, gates and slots "
      "(Jordan et al., kellerjordan.github.io/posts/muon)");
}

}  // namespace waiver
