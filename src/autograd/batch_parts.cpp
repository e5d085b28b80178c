#include "autograd/batch_parts.h"

#include <algorithm>

namespace waiver {

BatchParts::BatchParts(int64_t rows, int64_t sequences) {
  sequences_ = sequences > 0 && rows > 0 && rows % sequences == 0 ? sequences : 1;
  length_ = rows / sequences_;
  while (count_ < kMost && 2 * count_ <= sequences_) count_ *= 2;
  if (sequences_ == 1)
    tile_rows_ = std::clamp<int64_t>(rows / TileLoops::kMany / 16 * 16, 16, kRows);
  for (int64_t part = 0; part < count_; ++part)
    first_tile_[part + 1] =
        first_tile_[part] + (row(part + 1) - row(part) + tile_rows_ - 1) / tile_rows_;
}

BatchParts::Rows BatchParts::tile(int64_t index) const {
  int64_t part = 0;
  while (index >= first_tile_[part + 1]) ++part;
  const int64_t begin = row(part) + (index - first_tile_[part]) * tile_rows_;
  return {begin, std::min(begin + tile_rows_, row(part + 1))};
}

void BatchParts::add_tiles(const Tensor& sums, int64_t first, int64_t count, float* to) const {
  const auto add = [&](int64_t tile, int64_t other) {
    float *a = sums.row(tile) + first, *b = sums.row(other) + first;
    for (int64_t c = 0; c < count; ++c) a[c] += b[c];
  };
  for (int64_t part = 0; part < count_; ++part)
    for (int64_t tile = first_tile_[part] + 1; tile < first_tile_[part + 1]; ++tile)
      add(first_tile_[part], tile);
  tree([&](int64_t p, int64_t q) { add(first_tile_[p], first_tile_[q]); });
  for (int64_t c = 0; tiles() > 0 && c < count; ++c) to[c] += sums.row(0)[first + c];
}

}  // namespace waiver
