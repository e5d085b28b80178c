#include <algorithm>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = 0; a weight of the pattern too, and the row then sums to less.
class Zero : public EditRule {
 public:
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions) std::fill_n(lane.at(t), lane.width, 0.0f);
  }
};

}  // namespace

Registered<EditRule> zero_kind() { return kind_of<EditRule, Zero>("zero", "zeros"); }

}  // namespace waiver
