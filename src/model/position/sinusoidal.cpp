#include <cmath>

#include "autograd/ops/ops.h"
#include "core/threads.h"
#include "model/position/added.h"

namespace waiver {
namespace {

/// x_t += scale · P[position_t], P[p, 2i] = sin(p / 10000^(2i/C)), P[p, 2i+1] = cos of the same
/// (Vaswani et al., 1706.03762, §3.5).
class Sinusoidal : public AddedEncoding {
 public:
  void options(FieldVisitor& v) override {
    AddedEncoding::options(v);
    v.field({"scale", "factor on the sines and cosines", above(0)}, scale_);
  }
  void build(ParameterSet&, const EncodingSizes& sizes) override {
    memory_ = std::make_shared<Arena>();
    table_ = memory_->tensor({sizes.context, sizes.width});
    parallel_ranges(sizes.context, 64, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        for (int64_t c = 0; c < sizes.width; ++c) {
          const double rate = std::pow(10000.0, -static_cast<double>(c - c % 2) / sizes.width);
          const double angle = static_cast<double>(p) * rate;
          table_.row(p)[c] =
              static_cast<float>(scale_ * (c % 2 == 0 ? std::sin(angle) : std::cos(angle)));
        }
    });
  }

 private:
  Variable table() const override { return {table_, {}}; }

  double scale_ = 1.0;
  std::shared_ptr<Arena> memory_;
  Tensor table_;
};

}  // namespace

Registered<PositionEncoding> sinusoidal_kind() {
  return kind_of<PositionEncoding, Sinusoidal>(
      "sinusoidal", "fixed sines and cosines, which are added (1706.03762)");
}

}  // namespace waiver
