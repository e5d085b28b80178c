#pragma once

#include <cstring>

#include "autograd/tape.h"
#include "core/rehearsal.h"

namespace waiver {

/// y = f(tape, x) of x's shape, where of all that f computes only y is kept. Backward computes it
/// anew, on a tape of its own, and frees it again: the memory of one f at a time, for the time of
/// another forward pass (Chen et al., 1604.06174), and the same bits. REQUIRES: x and y are
/// contiguous; f needs no destructor and computes the same whenever it is called until backward.
template <class F>
Variable recomputed(Tape& tape, Variable x, const F& f) {
  const auto copy = [](const Tensor& from, const Tensor& to) {
    if (rehearsing()) return;
    parallel_ranges(from.size(), 1 << 14, [&](int64_t begin, int64_t end) {
      std::memcpy(to.data + begin, from.data + begin, (end - begin) * sizeof(float));
    });
  };
  const Variable y = tape.variable(x.shape());
  {
    const Arena::Scope scope(tape.arena());
    Tape once(tape, false);
    copy(f(once, x).value, y.value);
  }
  tape.record("block", y, [=, again = Tape(tape, true)]() mutable {
    const Arena::Scope scope(again.arena());
    const Variable out = f(again, x);
    copy(y.grad, out.grad);
    again.backward_from(out);
  });
  return y;
}

}  // namespace waiver
