#include <algorithm>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = value in every channel.
class Set : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field({"value", "what is put there: a number, a token's id, a position's id"}, value_);
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
  return kind_of<EditRule, Set>("set", "one number everywhere; of tokens and positions, an id");
}

}  // namespace waiver
