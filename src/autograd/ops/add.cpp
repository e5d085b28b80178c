#include "autograd/ops/ops.h"
#include "autograd/ops/residual.h"

namespace waiver {

Variable add(Tape& tape, Variable x, Variable z) {
  const Check check("add");
  check.matrix("x", x.shape());
  const Residual residual(tape, check, x, z);
  const BatchParts parts = tape.parts(x.shape()[0]);
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) residual.add(n);
  });
  tape.record("add", residual.sum(), [=] {
    const Residual::Back back(residual);
    parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) back.pass(n);
    });
  });
  return residual.sum();
}

}  // namespace waiver
