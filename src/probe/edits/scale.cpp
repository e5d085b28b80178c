#include "probe/edits/edit_rule.h"

namespace waiver {
namespace {

/// x = by · x: a dose.
class Scale : public EditRule {
 public:
  void options(FieldVisitor& v) override {
    v.field({"by", "the factor; 1 leaves everything as it is"}, by_);
  }
  void apply(const Lane& lane, std::span<const int64_t> positions, int64_t) const override {
    for (const int64_t t : positions)
      for (int64_t c = 0; c < lane.width; ++c) lane.at(t)[c] *= static_cast<float>(by_);
  }

 private:
  double by_ = 1;
};

}  // namespace

Registered<EditRule> scale_kind() { return kind_of<EditRule, Scale>("scale", "times a factor"); }

}  // namespace waiver
