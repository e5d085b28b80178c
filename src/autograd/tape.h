#pragma once

#include <new>
#include <type_traits>

#include "autograd/profile.h"
#include "core/arena.h"
#include "core/tensor.h"

namespace waiver {

/// A value and, where one is wanted, the gradient of the loss with respect to it (same shape).
struct Variable {
  Tensor value;
  Tensor grad;

  bool wants_grad() const { return static_cast<bool>(grad); }
  const Shape& shape() const { return value.shape; }
};

/// The record of one forward pass. Ops add a closure each; `backward` runs them in reverse.
/// Values, gradients and closures all live in the arena, so a tape is valid until its reset.
class Tape {
 public:
  /// Without `recording`, ops compute values only. A `profile` learns how long each op takes.
  explicit Tape(Arena& arena, bool recording = true, Profile* profile = nullptr)
      : arena_(arena), recording_(recording), profile_(profile) {}

  Arena& arena() { return arena_; }
  bool recording() const { return recording_; }

  /// An uninitialised value; its gradient is zero, and absent when nothing is recorded.
  Variable variable(const Shape& shape) {
    return {arena_.tensor(shape), recording_ ? arena_.zeros(shape) : Tensor{}};
  }

  /// Adds `backward`, which reads its output's gradient and adds (+=) to those of its inputs.
  /// REQUIRES: the op has computed its values.
  template <class F>
  void record(const char* op, F backward) {
    static_assert(std::is_trivially_destructible_v<F>, "closures live in the arena");
    if (!recording_) return;
    if (profile_) profile_->mark(op, Profile::forward);
    auto* closure = new (arena_.array<F>(1)) F(backward);
    auto call = [](void* f) { (*static_cast<F*>(f))(); };
    last_ = new (arena_.array<Node>(1)) Node{op, call, closure, last_};
  }

  /// Sets the gradient of the scalar `loss` to `seed` and runs the record in reverse.
  void backward(const Variable& loss, float seed = 1.0f) {
    loss.grad.data[0] = seed;
    for (Node* node = last_; node; node = node->previous) {
      node->call(node->closure);
      if (profile_) profile_->mark(node->op, Profile::backward);
    }
    last_ = nullptr;
  }

 private:
  struct Node {
    const char* op;
    void (*call)(void*);
    void* closure;
    Node* previous;
  };
  Arena& arena_;
  bool recording_;
  Profile* profile_;
  Node* last_ = nullptr;
};

}  // namespace waiver
