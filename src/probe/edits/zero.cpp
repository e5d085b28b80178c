#include <algorithm>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = 0; a weight of the pattern too, and the row then sums to less.
class Zero : public EditRule {
 public:
  std::unique_ptr<EditRule> clone() const override { return std::make_unique<Zero>(*this); }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions) std::fill_n(lane.at(t), lane.width, 0.0f);
  }
};

}  // namespace

std::unique_ptr<EditRule> make_zero() { return std::make_unique<Zero>(); }

}  // namespace waiver
