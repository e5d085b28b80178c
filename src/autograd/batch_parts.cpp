#include "autograd/batch_parts.h"

#include <algorithm>

namespace waiver {

int64_t BatchShare::sequence(int64_t part) const {
  return part * sequences / BatchParts::count_of(sequences);
}

int64_t BatchParts::count_of(int64_t sequences) {
  int64_t count = 1;
  while (count < kMost && 2 * count <= sequences) count *= 2;
  return count;
}

BatchParts::BatchParts(int64_t rows, int64_t sequences, const BatchShare& given) {
  BatchShare share = given;
  if (sequences < 1 || rows < 1 || rows % sequences != 0) sequences = 1, share = {};
  if (share.count == 0) share = {sequences, 0, count_of(sequences)};
  length_ = rows / sequences;
  count_ = share.count;
  whole_count_ = count_of(share.sequences);
  if (share.sequences == 1)
    tile_rows_ = std::clamp<int64_t>(rows / TileLoops::kMany / 16 * 16, 16, kRows);
  const auto tiles = [&](int64_t part) {
    const int64_t length = (share.sequence(part + 1) - share.sequence(part)) * length_;
    return (length + tile_rows_ - 1) / tile_rows_;
  };
  for (int64_t part = 0; part < whole_count_; ++part) whole_tiles_ += tiles(part);
  for (int64_t part = 0; part < count_; ++part) {
    sequence_[part + 1] = share.sequence(share.first + part + 1) - share.sequence(share.first);
    first_tile_[part + 1] = first_tile_[part] + tiles(share.first + part);
  }
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
