#include <algorithm>

#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x_t = the vector of a position of another sequence, as it is in the natural pass: for a value
/// that carries no information, any other will do (Fesser et al., 2606.08105, appendix A.3).
class Donor : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field({"from",
             "position in the other sequence, where a name stands for its own place there; empty: "
             "each position itself"},
            from_);
    v.field(
        {"sequence", "how many sequences further on in the probe batch, in a circle", at_least(1)},
        sequence_);
  }
  bool suits(PointKind kind) const override { return kind == PointKind::vectors; }
  std::string from() const override { return from_; }
  int64_t donor() const override { return sequence_; }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t from) const override {
    for (const int64_t t : positions)
      std::copy_n(lane.donor + (from < 0 ? t : from) * lane.width, lane.width, lane.at(t));
  }

 private:
  std::string from_;
  int64_t sequence_ = 1;
};

}  // namespace

Registered<EditRule> donor_kind() {
  return kind_of<EditRule, Donor>("donor", "the vector of another sequence");
}

}  // namespace waiver
