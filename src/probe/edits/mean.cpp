#include <cmath>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = 1/T Σ_t x_t over the sequence; in a row of scores, over the keys that the query sees. The
/// mean over sequences would not be a control where position 0 always holds the same token.
class Mean : public EditRule {
 public:
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (int64_t c = 0; c < lane.width; ++c) {
      double sum = 0;
      int64_t count = 0;
      for (int64_t t = 0; t < lane.positions; ++t)
        if (const float x = lane.was(t)[c]; !std::isinf(x)) {
          sum += x;
          ++count;
        }
      for (const int64_t t : positions)
        lane.at(t)[c] = static_cast<float>(sum / static_cast<double>(count));
    }
  }
};

}  // namespace

Registered<EditRule> mean_kind() {
  return kind_of<EditRule, Mean>("mean", "the mean over the positions of the sequence");
}

}  // namespace waiver
