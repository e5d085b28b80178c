#include "autograd/ops/scatter.h"

#include <algorithm>

#include "core/rehearsal.h"
#include "core/scratch.h"

namespace waiver {
namespace {

// The rows of every index, in order.
class Occurrences {
 public:
  Occurrences(std::span<const int32_t> indices, int64_t rows, int64_t targets)
      : rows_(memory_.array<int32_t>(rows)),
        ends_(memory_.array<int32_t>(targets + 1)),
        used_(memory_.array<int32_t>(std::min(rows, targets))) {
    if (rehearsing()) return;
    const auto size = std::ssize(indices);
    std::fill_n(ends_, targets + 1, 0);
    for (int64_t n = 0; n < rows; ++n)
      if (const int32_t i = indices[n % size]; i >= 0) ++ends_[i + 1];
    for (int64_t i = 0; i < targets; ++i) {
      if (ends_[i + 1] > 0) used_[count_++] = static_cast<int32_t>(i);
      ends_[i + 1] += ends_[i];
    }
    // Each of ends_ is where its index begins, until the last of its rows is in place.
    for (int64_t n = 0; n < rows; ++n)
      if (const int32_t i = indices[n % size]; i >= 0) rows_[ends_[i]++] = static_cast<int32_t>(n);
  }

  int64_t count() const { return count_; }
  int32_t index(int64_t i) const { return used_[i]; }
  std::span<const int32_t> rows(int64_t i) const {
    const int32_t begin = used_[i] > 0 ? ends_[used_[i] - 1] : 0;
    return {rows_ + begin, rows_ + ends_[used_[i]]};
  }

 private:
  Scratch memory_;
  int64_t count_ = 0;
  int32_t *rows_, *ends_, *used_;
};

// to += the given rows of `from`.
void add_rows(const Tensor& from, std::span<const int32_t> rows, const BatchParts& parts,
              float* to) {
  const int64_t C = from.dim(1);
  Scratch memory;
  float* sums = memory.floats(parts.count() * C);
  bool any[BatchParts::kMost] = {};
  const auto add = [C](float* a, const float* b) {
    for (int64_t c = 0; c < C; ++c) a[c] += b[c];
  };
  int64_t part = 0;
  for (const int32_t n : rows) {
    while (n >= parts.row(part + 1)) ++part;
    if (any[part])
      add(sums + part * C, from.row(n));
    else
      std::copy_n(from.row(n), C, sums + part * C);
    any[part] = true;
  }
  parts.tree([&](int64_t p, int64_t q) {
    if (!any[q]) return;
    if (any[p])
      add(sums + p * C, sums + q * C);
    else
      std::copy_n(sums + q * C, C, sums + p * C);
    any[p] = true;
  });
  add(to, sums);
}

}  // namespace

void scatter_add(const Tensor& from, std::span<const int32_t> indices, const BatchParts& parts,
                 const Tensor& to) {
  const Occurrences all(indices, from.dim(0), to.dim(0));
  parallel_ranges(all.count(), 1 + all.count() / 512, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) add_rows(from, all.rows(i), parts, to.row(all.index(i)));
  });
}

}  // namespace waiver
