#include <cstring>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/scatter.h"
#include "core/threads.h"

namespace waiver {

Variable embedding(Tape& tape, std::span<const int32_t> tokens, Variable table) {
  Check("embedding").matrix("table", table.shape());
  const int64_t N = static_cast<int64_t>(tokens.size()), C = table.shape()[1];
  Variable y = tape.variable({N, C});
  parallel_ranges(N, 256, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      std::memcpy(y.value.row(n), table.value.row(tokens[n]), C * sizeof(float));
  });
  if (!table.wants_grad()) return y;
  const BatchParts parts = tape.parts(N);
  tape.record("embedding", y,
              [=, &tape] { scatter_add(y.grad, tokens, parts, tape.gradient_of(table)); });
  return y;
}

}  // namespace waiver
