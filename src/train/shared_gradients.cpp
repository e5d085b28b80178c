#include "train/shared_gradients.h"

#include <algorithm>

#include "core/threads.h"
#include "train/gradient_norm.h"

namespace waiver {
namespace {

constexpr int64_t kRange = 1 << 14;

void add(float* to, const float* from, int64_t count) {
  parallel_ranges(count, kRange, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] += from[i];
  });
}

}  // namespace

SharedGradients::SharedGradients(const Slices& slices, ParameterSet& parameters,
                                 std::vector<Further> further)
    : slices_(slices),
      ranks_(slices.ranks()),
      parameters_(parameters),
      further_(std::move(further)),
      needed_(needed(ranks_.own())) {
  for (int64_t r = 0; r < ranks_.count(); ++r) parts_.push_back(parts_for(r));
  for (const Part& p : parts_[ranks_.own()]) slot_size_ += p.numbers.size();
}

// The slice, and on to where the last of the norm's ranges that begin in it ends.
Slice SharedGradients::needed(int64_t rank) const {
  const Slice s = slices_.of(rank);
  const int64_t size = std::ssize(parameters_.grads());
  if (s.size() == 0) return s;
  return {s.begin, std::max(s.end, std::min(size, GradientNorm::end_of_last(s.end)))};
}

std::vector<SharedGradients::Part> SharedGradients::parts_for(int64_t rank) const {
  const Slice own = needed(rank);
  std::vector<Part> out = {{-1, own}};
  for (int64_t u = 0; u < std::ssize(further_); ++u) {
    const int64_t begin = std::max(own.begin, further_[u].begin),
                  end = std::min(own.end, further_[u].end);
    if (begin < end) out.push_back({u, {begin, end}});
  }
  return out;
}

int64_t SharedGradients::most_sent(const Deal& deal) const {
  const auto numbers_for = [&](int64_t rank) {
    int64_t sum = 0;
    for (const Part& p : parts_[rank]) sum += p.numbers.size();
    return sum;
  };
  int64_t all = 0, most = 0;
  for (int64_t r = 0; r < deal.ranks; ++r) all += numbers_for(r);
  for (int64_t r = 0; r < deal.ranks; ++r) {
    int64_t passes = 0;
    for (const Deal::Round& round : deal.rounds)
      passes += std::ranges::count(round, r, &Deal::Pass::rank);
    most =
        std::max(most, passes * (all - numbers_for(r)) + (deal.ranks - 1) * slices_.of(r).size());
  }
  return most * static_cast<int64_t>(sizeof(float));
}

void SharedGradients::start() { sums_.assign(static_cast<size_t>(needed_.size()), 0.0f); }

void SharedGradients::exchange(const Deal::Round& round, int64_t k, const Uses& uses) {
  slots_.resize(static_cast<size_t>(std::ssize(round) * slot_size_));
  const Deal::Pass* own = Deal::find(round, ranks_.own(), k);
  const auto source = [&](const Part& p) {
    float* flat = parameters_.grads().data();
    // A pass that was given up may lack some, and nobody looks at what it sends.
    if (p.use >= 0 && p.use < std::ssize(uses.further()))
      flat = uses.further()[p.use].gradient.data - further_[p.use].begin;
    return std::span(flat + p.numbers.begin, static_cast<size_t>(p.numbers.size()));
  };
  std::vector<Ranks::Piece> out, in;
  for (int64_t r = 0; own && r < ranks_.count(); ++r)
    for (const Part& p : parts_[r])
      if (r != ranks_.own()) out.push_back(piece(r, source(p)));
  for (int64_t r = 0; r < ranks_.count(); ++r) {
    const Deal::Pass* pass = Deal::find(round, r, k);
    if (!pass) continue;
    float* at = slot(pass - round.data());
    for (const Part& p : parts_[ranks_.own()]) {
      const std::span<float> to(at, static_cast<size_t>(p.numbers.size()));
      if (pass == own)
        std::ranges::copy(source(p), to.begin());
      else
        in.push_back(piece(r, to));
      at += p.numbers.size();
    }
  }
  ranks_.exchange(out, in);
}

// Sums the parts [begin, end) into the slot of one of their passes, and returns that.
int64_t SharedGradients::combine(const Deal::Round& round, int64_t accumulated, int64_t begin,
                                 int64_t end) {
  for (int64_t i = 0; i < std::ssize(round); ++i)
    if (round[i].accumulated == accumulated && round[i].first == begin &&
        round[i].count == end - begin)
      return i;
  const int64_t middle = (begin + end) / 2;
  const int64_t left = combine(round, accumulated, begin, middle),
                right = combine(round, accumulated, middle, end);
  waiver::add(slot(left), slot(right), slot_size_);
  return left;
}

void SharedGradients::add(const Deal::Round& round) {
  for (int64_t a = round.front().accumulated; a <= round.back().accumulated; ++a) {
    int64_t parts = 0;
    for (const Deal::Pass& pass : round) parts += pass.accumulated == a ? pass.count : 0;
    const float* at = slot(combine(round, a, 0, parts));
    for (const Part& p : parts_[ranks_.own()]) {
      waiver::add(sums_.data() + (p.numbers.begin - needed_.begin), at, p.numbers.size());
      at += p.numbers.size();
    }
  }
}

double SharedGradients::finish() {
  const std::span<float> grads = parameters_.grads();
  std::ranges::copy(sums_, grads.begin() + needed_.begin);
  GradientNorm norm(std::ssize(grads));
  norm.add(grads, slices_.own());
  std::vector<Ranks::Piece> out, in;
  for (int64_t r = 0; r < ranks_.count(); ++r)
    if (r != ranks_.own()) {
      out.push_back(piece(r, norm.ranges(slices_.own())));
      in.push_back(piece(r, norm.ranges(slices_.of(r))));
    }
  ranks_.exchange(out, in);
  return norm.value();
}

}  // namespace waiver
