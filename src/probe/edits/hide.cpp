#include <limits>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// s = −∞: a mask. The key is taken away and the rest of the row normalised without it.
class Hide : public EditRule {
 public:
  std::unique_ptr<EditRule> clone() const override { return std::make_unique<Hide>(*this); }
  bool suits(PointKind kind) const override { return kind == PointKind::scores; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions) *lane.at(t) = -std::numeric_limits<float>::infinity();
  }
};

}  // namespace

std::unique_ptr<EditRule> make_hide() { return std::make_unique<Hide>(); }

}  // namespace waiver
