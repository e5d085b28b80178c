#pragma once

#include <new>
#include <type_traits>

#include "autograd/batch_parts.h"
#include "autograd/profile.h"
#include "autograd/uses.h"
#include "core/arena.h"
#include "core/products/rounded.h"
#include "core/tensor.h"

namespace waiver {

/// A value and, where one is wanted, the gradient of the loss with respect to it (same shape).
struct Variable {
  Tensor value;
  Tensor grad;
  bool* untouched = nullptr;  // true while `grad` holds nothing yet; null where it started as zeros
  Rounded rounded = {};  // the value as an input of products, where its op made that (Tape::input)

  bool wants_grad() const { return static_cast<bool>(grad); }
  /// Whether the caller is the first to write `grad`, and so must set it rather than add to it. Ops
  /// leave that to Gradient (gradient.h).
  bool first_gradient() const {
    if (!untouched || !*untouched) return false;
    *untouched = false;
    return true;
  }
  /// Whether both have one gradient (Tape::continuing).
  bool shares_gradient(const Variable& other) const { return grad.data == other.grad.data; }
  /// Whether a gradient has reached it.
  bool touched() const { return wants_grad() && (!untouched || !*untouched); }
  const Shape& shape() const { return value.shape; }
};

/// The record of one forward pass. Ops add a closure each; `backward` runs them in reverse.
/// Values, gradients and closures all live in the arena, so a tape is valid until the arena is
/// reset.
class Tape {
 public:
  /// Without `recording`, ops compute values only. A `profile`, where given, records how long each
  /// op takes.
  explicit Tape(Arena& arena, bool recording = true, Profile* profile = nullptr)
      : arena_(arena), recording_(recording), profile_(profile) {}

  /// An empty tape with the settings of another, in the same arena.
  Tape(const Tape& like, bool recording) : Tape(like) {
    recording_ = recording;
    last_ = nullptr;
  }

  Arena& arena() { return arena_; }
  bool recording() const { return recording_; }

  /// Of the inputs of the matrix products of all later ops.
  Precision precision() const { return precision_; }
  void set_precision(Precision precision) { precision_ = precision; }

  /// The number of sequences that rows hold, and which share of a batch they are; so how sums over
  /// the rows of a batch are cut.
  void set_sequences(int64_t count, const BatchShare& share = {}) {
    sequences_ = count;
    share_ = share;
  }
  BatchParts parts(int64_t rows) const { return parts(rows, sequences_); }
  BatchParts parts(int64_t rows, int64_t sequences) const { return {rows, sequences, share_}; }

  /// From now on every use of a parameter adds its gradient by itself. REQUIRES: `uses` outlives
  /// the tape.
  void separate(Uses& uses) { uses_ = &uses; }
  /// What an op in backward adds a parameter's gradient to, all of it once. REQUIRES: it wants one.
  Tensor gradient_of(const Variable& parameter) const {
    return uses_ ? uses_->next(parameter.grad) : parameter.grad;
  }

  /// An uninitialised value; its gradient is untouched, and absent unless the tape is recording.
  Variable variable(const Shape& shape) {
    if (!recording_) return {arena_.tensor(shape), {}};
    return {arena_.tensor(shape), arena_.tensor(shape), new (arena_.array<bool>(1)) bool(true)};
  }
  /// The same for the input of a product. In bfloat16 the op that computes a row also rounds it
  /// (Variable::rounded), while it is in cache.
  Variable input(int64_t rows, int64_t columns) {
    Variable out = variable({rows, columns});
    if (precision_ == Precision::bfloat16 && !edited_)
      out.rounded = Rounded(arena_, out.value, precision_);
    return out;
  }
  /// From now on values may be edited after their op, so that products round their inputs
  /// themselves.
  void let_edit() { edited_ = true; }

  /// An uninitialised value of x's shape whose gradient is that of x, as suits a sum y = x + …:
  /// what reaches y has reached x, without being moved. REQUIRES: the op that computes y is the
  /// last to use x, so that in backward all others follow it.
  Variable continuing(const Variable& x) {
    if (keeps_gradients_ || !x.untouched || x.touched()) return variable(x.shape());
    return {arena_.tensor(x.shape()), x.grad, x.untouched};
  }
  /// From now on every variable has a gradient of its own, which stays until the arena is reset.
  void keep_gradients() { keeps_gradients_ = true; }

  /// From now on blocks keep nothing but their outputs for backward, which computes the rest anew
  /// (recompute.h).
  void let_recompute() { recomputes_ = true; }
  bool recomputes() const { return recomputes_; }

  /// Adds `backward`, which reads the gradient of `output` and adds to those of the op's inputs;
  /// it is skipped where no gradient has reached `output`, nor `other`, a second one. REQUIRES: the
  /// op has computed its values.
  template <class F>
  void record(const char* op, const Variable& output, F backward, const Variable& other = {}) {
    static_assert(std::is_trivially_destructible_v<F>, "closures live in the arena");
    if (!recording_) return;
    if (profile_) profile_->mark(op, Profile::forward);
    auto* closure = new (arena_.array<F>(1)) F(backward);
    auto call = [](void* f) { (*static_cast<F*>(f))(); };
    last_ = new (arena_.array<Node>(1))
        Node{op, output.untouched, other.untouched, call, closure, last_};
  }

  /// Sets the gradient of the scalar `loss` to `seed` and runs the record in reverse.
  void backward(const Variable& loss, float seed = 1.0f) {
    loss.grad.data[0] = seed;
    backward_from(loss);
  }
  /// The same from an output of any shape, whose gradient is set already.
  void backward_from(const Variable& output) {
    output.first_gradient();
    for (Node* node = last_; node; node = node->previous) {
      if (!node->untouched || !*node->untouched || (node->other && !*node->other)) {
        const Arena::Scope scope(arena_);  // the next op takes the same memory, which is in cache
        node->call(node->closure);
      }
      if (profile_) profile_->mark(node->op, Profile::backward);
    }
    last_ = nullptr;
  }

 private:
  struct Node {
    const char* op;
    const bool *untouched, *other;  // of the output, and of a second one
    void (*call)(void*);
    void* closure;
    Node* previous;
  };
  Arena& arena_;
  bool recording_, keeps_gradients_ = false, edited_ = false, recomputes_ = false;
  Profile* profile_;
  Uses* uses_ = nullptr;
  Node* last_ = nullptr;
  Precision precision_ = Precision::float32;
  int64_t sequences_ = 1;
  BatchShare share_;
};

}  // namespace waiver
