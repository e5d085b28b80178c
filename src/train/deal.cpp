#include "train/deal.h"

#include <algorithm>

#include "autograd/batch_parts.h"

namespace waiver {
namespace {

// Adds [begin, end) of the round's parts, counted through, as subtrees.
void add_passes(Deal::Round& round, int64_t rank, int64_t accumulated, int64_t parts, int64_t begin,
                int64_t end) {
  while (begin < end) {
    int64_t count = 1;
    while (begin % (2 * count) == 0 && begin + 2 * count <= end && 2 * count <= parts) count *= 2;
    round.push_back({rank, accumulated + begin / parts, begin % parts, count});
    begin += count;
  }
}

}  // namespace

Deal::Deal(int64_t accumulate, int64_t sequences, int64_t count) : ranks(count) {
  const int64_t parts = BatchParts::count_of(sequences);
  for (int64_t at = 0; at < accumulate;) {
    const int64_t together = std::min(ranks, accumulate - at), all = together * parts;
    Round round;
    for (int64_t r = 0; r < ranks; ++r)
      add_passes(round, r, at, parts, all * r / ranks, all * (r + 1) / ranks);
    rounds.push_back(std::move(round));
    at += together;
  }
}

const Deal::Pass* Deal::find(const Round& round, int64_t rank, int64_t k) {
  for (const Pass& pass : round)
    if (pass.rank == rank && k-- == 0) return &pass;
  return nullptr;
}

int64_t Deal::deepest(const Round& round) {
  int64_t most = 0;
  for (const Pass& pass : round)
    most = std::max<int64_t>(most, std::ranges::count(round, pass.rank, &Pass::rank));
  return most;
}

int64_t Deal::passes() const {
  int64_t sum = 0;
  for (const Round& round : rounds) sum += std::ssize(round);
  return sum;
}

int64_t Deal::most_sums() const {
  return std::ssize(*std::ranges::max_element(rounds, {}, &Round::size));
}

int64_t Deal::busy() const {
  int64_t count = 0;
  for (int64_t r = 0; r < ranks; ++r)
    count += std::ranges::any_of(rounds, [&](const Round& round) { return find(round, r, 0); });
  return count;
}

int64_t Deal::most_sequences(int64_t sequences) const {
  const BatchShare whole{sequences, 0, 0};
  int64_t most = 0;
  for (const Round& round : rounds)
    for (const Pass& pass : round)
      most = std::max(most, whole.sequence(pass.first + pass.count) - whole.sequence(pass.first));
  return most;
}

}  // namespace waiver
