#include "train/slices.h"

#include <algorithm>

namespace waiver {

std::vector<Slice> cut_in_slices(const std::vector<int64_t>& cuts, int64_t count) {
  std::vector<Slice> out;
  int64_t begin = 0;
  for (int64_t i = 1; i <= count; ++i) {
    const int64_t ideal = cuts.back() * i / count;
    const auto after = std::ranges::lower_bound(cuts, ideal);
    const bool before_is_nearer = after != cuts.begin() && ideal - *(after - 1) < *after - ideal;
    const int64_t end = std::max(begin, before_is_nearer ? *(after - 1) : *after);
    out.push_back({begin, end});
    begin = end;
  }
  return out;
}

Slices::Slices(Ranks& ranks, const std::vector<int64_t>& cuts)
    : ranks_(ranks), slices_(cut_in_slices(cuts, ranks.count())) {}

void Slices::spread(std::span<float> flat) const {
  std::vector<Ranks::Piece> out, in;
  const auto part = [&](const Slice& s) { return flat.subspan(s.begin, s.size()); };
  for (int64_t r = 0; r < ranks_.count(); ++r)
    if (r != ranks_.own()) {
      out.push_back(piece(r, part(own())));
      in.push_back(piece(r, part(of(r))));
    }
  ranks_.exchange(out, in);
}

std::vector<float> Slices::collect(std::span<float> slice) const {
  if (!ranks_.first()) {
    const Ranks::Piece out[] = {piece(0, slice)};
    ranks_.exchange(out, {});
    return {};
  }
  std::vector<float> whole(slices_.back().end);
  std::ranges::copy(slice, whole.begin() + own().begin);
  std::vector<Ranks::Piece> in;
  for (int64_t r = 1; r < ranks_.count(); ++r)
    in.push_back(piece(r, std::span(whole).subspan(of(r).begin, of(r).size())));
  ranks_.exchange({}, in);
  return whole;
}

void Slices::deal_out(std::span<float> whole, std::span<float> slice) const {
  if (!ranks_.first()) {
    const Ranks::Piece in[] = {piece(0, slice)};
    return ranks_.exchange({}, in);
  }
  std::ranges::copy(whole.subspan(own().begin, own().size()), slice.begin());
  std::vector<Ranks::Piece> out;
  for (int64_t r = 1; r < ranks_.count(); ++r)
    out.push_back(piece(r, whole.subspan(of(r).begin, of(r).size())));
  ranks_.exchange(out, {});
}

}  // namespace waiver
