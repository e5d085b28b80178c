#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// w_k = 0, and the weights of the row's other tokens are scaled to the sum that its tokens had; a
/// row that gave the keys all of it stays as it is. With softmax, and neither sink tokens nor a
/// slot, it is what hiding the keys gives (Fesser et al., 2606.08105, appendix A.3).
class Redirect : public EditRule {
 public:
  bool suits(PointKind kind) const override { return kind == PointKind::pattern; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    double whole = 0, taken = 0;
    for (int64_t t = 0; t < lane.positions; ++t) whole += lane.was(t)[0];
    for (const int64_t t : positions) taken += lane.was(t)[0];
    if (!(whole - taken > 0)) return;
    const double factor = whole / (whole - taken);
    for (int64_t t = 0; t < lane.positions; ++t)
      *lane.at(t) = static_cast<float>(factor * lane.was(t)[0]);
    for (const int64_t t : positions) *lane.at(t) = 0;
  }
};

}  // namespace

Registered<EditRule> redirect_kind() {
  return kind_of<EditRule, Redirect>(
      "redirect", "the keys' weights are given to the row's other keys, in proportion");
}

}  // namespace waiver
