#include <algorithm>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = value in every channel.
class Set : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field({"value", "the new value: a number, a token id, or a position id"}, value_);
  }
  bool suits(PointKind) const override { return true; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions)
      std::fill_n(lane.at(t), lane.width, static_cast<float>(value_));
  }

 private:
  double value_ = 0;
};

}  // namespace

Registered<EditRule> set_kind() {
  return kind_of<EditRule, Set>("set", "one number everywhere; for tokens and positions, an id");
}

}  // namespace waiver
