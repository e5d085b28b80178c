#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/random.h"
#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

constexpr char kFromDoc[] = "position that the vector is taken from; empty: each position's own";
constexpr char kSeedDoc[] = "seed of the random choice; the same for every sequence";

/// x_t = x_from, as it was before the edit.
class Patch : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field(Field{"from", "position that the vector is taken from"}.must_be_given(), from_);
  }
  bool suits(PointKind) const override { return true; }
  std::string from() const override { return from_; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t from) const override {
    for (const int64_t t : positions) std::ranges::copy(lane.was(from), lane.at(t));
  }

 private:
  std::string from_;
};

/// Two positions trade places.
class Swap : public EditRule {
 public:
  bool suits(PointKind) const override { return true; }
  size_t count() const override { return 2; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    if (positions.size() != 2) return;
    std::ranges::copy(lane.was(positions[0]), lane.at(positions[1]));
    std::ranges::copy(lane.was(positions[1]), lane.at(positions[0]));
  }
};

/// The vectors of the positions in a random order, in which none stays where it was.
class Shuffle : public EditRule {
 public:
  void options(FieldVisitor& v) override { v.field({"seed", kSeedDoc, at_least(0)}, seed_); }
  bool suits(PointKind) const override { return true; }
  // Sattolo's algorithm: one cycle through all of them.
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    const Random random(static_cast<uint64_t>(seed_), "shuffle");
    std::vector<int64_t> from(positions.begin(), positions.end());
    for (int64_t i = std::ssize(from) - 1; i > 0; --i) std::swap(from[i], from[random.below(i, i)]);
    for (size_t i = 0; i < from.size(); ++i)
      std::ranges::copy(lane.was(from[i]), lane.at(positions[i]));
  }

 private:
  int64_t seed_ = 0;
};

// What permute and noise have in common.
class Control : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field({"from", kFromDoc}, from_);
    v.field({"seed", kSeedDoc, at_least(0)}, seed_);
  }
  bool suits(PointKind kind) const override { return kind == PointKind::vectors; }
  std::string from() const override { return from_; }

 protected:
  uint64_t seed() const { return static_cast<uint64_t>(seed_); }

 private:
  std::string from_;
  int64_t seed_ = 0;
};

/// x_t = Π x_from, Π a random permutation of the channels (of a head), the same for all positions:
/// norm and distribution of the values are kept, their meaning is not.
class Permute : public Control {
 public:
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t from) const override {
    const Random random(seed(), "permute", static_cast<uint64_t>(lane.head));
    std::vector<int64_t> order(lane.width);
    std::iota(order.begin(), order.end(), 0);
    for (int64_t c = lane.width - 1; c > 0; --c) std::swap(order[c], order[random.below(c, c + 1)]);
    for (const int64_t t : positions)
      for (int64_t c = 0; c < lane.width; ++c)
        lane.at(t)[c] = lane.was(from < 0 ? t : from)[order[c]];
  }
};

/// x_t = ‖x_from‖ u_t, u_t a random direction.
class Noise : public Control {
 public:
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t from) const override {
    const Random random(seed(), "noise", static_cast<uint64_t>(lane.head));
    for (const int64_t t : positions) {
      std::vector<double> u(lane.width);
      double norm = 0, wanted = 0;
      for (int64_t c = 0; c < lane.width; ++c) {
        u[c] = random.normal(t * lane.width + c);
        norm += u[c] * u[c];
        const double x = lane.was(from < 0 ? t : from)[c];
        wanted += x * x;
      }
      for (int64_t c = 0; c < lane.width; ++c)
        lane.at(t)[c] = static_cast<float>(u[c] * std::sqrt(wanted / norm));
    }
  }
};

}  // namespace

Registered<EditRule> patch_kind() {
  return kind_of<EditRule, Patch>("patch", "the vector of another position");
}

Registered<EditRule> permute_kind() {
  return kind_of<EditRule, Permute>("permute", "the same values with the channels permuted");
}

Registered<EditRule> noise_kind() {
  return kind_of<EditRule, Noise>("noise", "a random direction at the same norm");
}

Registered<EditRule> shuffle_kind() {
  return kind_of<EditRule, Shuffle>("shuffle", "the positions' vectors in a random order");
}

Registered<EditRule> swap_kind() {
  return kind_of<EditRule, Swap>("swap", "two positions trade places");
}

}  // namespace waiver
