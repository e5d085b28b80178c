#include "data/dedicated.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace waiver {
namespace {

class NoDedicated : public Dedicated {};

class FixedDedicated : public Dedicated {
 public:
  void options(FieldVisitor& v) override {
    v.field({"at", "their positions, one token each", at_least(0)}, at_);
  }
  int64_t count() const override { return std::ssize(at_); }
  std::vector<int64_t> places(const Draws&, int64_t, int64_t) const override { return at_; }
  std::vector<int64_t> fixed() const override { return at_; }

 private:
  std::vector<int64_t> at_ = {0};
};

class RandomDedicated : public Dedicated {
 public:
  void options(FieldVisitor& v) override {
    v.field({"count", "how many there are in every sequence", between(1, 64)}, count_);
  }
  int64_t count() const override { return count_; }
  // The first of a shuffle of all places.
  std::vector<int64_t> places(const Draws& draws, int64_t b, int64_t T) const override {
    const SequenceRandom random = draws.numbers("dedicated", b, count_);
    std::vector<int64_t> all(T);
    std::iota(all.begin(), all.end(), 0);
    for (int64_t i = 0; i < count_; ++i) std::swap(all[i], all[i + random.below(i, T - i)]);
    all.resize(count_);
    return all;
  }

 private:
  int64_t count_ = 1;
};

}  // namespace

void Dedicated::check(int64_t T) const {
  const std::vector<int64_t> at = fixed();
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] >= T)
      throw UsageError("data.dedicated.at",
                       fmt::format("position {} is beyond the sequence", at[i]),
                       fmt::format("Positions go up to model.context − 1 = {}.", T - 1));
    if (std::find(at.begin(), at.begin() + i, at[i]) != at.begin() + i)
      throw UsageError("data.dedicated.at", fmt::format("position {} is named twice", at[i]));
  }
  if (count() >= T)
    throw UsageError(
        "data.dedicated",
        fmt::format("{} dedicated tokens leave no other in a sequence of {}", count(), T),
        "There may be at most model.context − 1.");
}

Registered<Dedicated> no_dedicated_kind() {
  return kind_of<Dedicated, NoDedicated>("none", "there are none");
}

Registered<Dedicated> fixed_dedicated_kind() {
  return kind_of<Dedicated, FixedDedicated>("fixed", "at the same positions in every sequence");
}

Registered<Dedicated> random_dedicated_kind() {
  return kind_of<Dedicated, RandomDedicated>("random", "at places drawn anew for every sequence");
}

}  // namespace waiver
