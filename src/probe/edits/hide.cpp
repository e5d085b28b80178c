#include <limits>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// s = −∞: a mask. The key is removed and the rest of the row normalised without it. A token still
/// sees itself, or the first row of a causal model would be left without a key.
class Hide : public EditRule {
 public:
  bool suits(PointKind kind) const override { return kind == PointKind::scores; }
  void options(FieldVisitor& v) override {
    v.field({"own", "whether a key is hidden from its own query too"}, own_);
  }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions)
      if (own_ || t != lane.query) *lane.at(t) = -std::numeric_limits<float>::infinity();
  }

 private:
  bool own_ = false;
};

}  // namespace

Registered<EditRule> hide_kind() {
  return kind_of<EditRule, Hide>("hide", "keys are removed, and the others share the row");
}

}  // namespace waiver
