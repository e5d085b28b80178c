#include <cmath>
#include <cstring>

#include "autograd/ops/ops.h"
#include "model/position/registry.h"

namespace waiver {
namespace {

/// Pairs (d, d + D/2) of every query and key turn by position · base^(−2d/D)
/// (Su et al., 2104.09864, §3.2; halves paired as in GPT-NeoX).
class Rope : public PositionEncoding {
 public:
  std::unique_ptr<PositionEncoding> clone() const override { return std::make_unique<Rope>(*this); }
  void options(FieldVisitor& v) override {
    v.field("base", base_, above(1), "the slowest pair turns by about 1 / base per position");
  }
  std::string refuse(const EncodingSizes& sizes) const override {
    const int64_t head = sizes.width / sizes.heads;
    if (head % 2 == 0) return {};
    return "rope turns pairs of channels, but a head of width " + std::to_string(head) +
           " has an odd number of them";
  }
  void build(ParameterSet&, const EncodingSizes& sizes) override {
    heads_ = sizes.heads;
    const int64_t half = sizes.width / sizes.heads / 2;
    memory_ = std::make_shared<Arena>();
    cos_ = memory_->tensor({sizes.context, half});
    sin_ = memory_->tensor({sizes.context, half});
    for (int64_t p = 0; p < sizes.context; ++p)
      for (int64_t d = 0; d < half; ++d) {
        const double angle =
            static_cast<double>(p) * std::pow(base_, -static_cast<double>(d) / half);
        cos_.row(p)[d] = static_cast<float>(std::cos(angle));
        sin_.row(p)[d] = static_cast<float>(std::sin(angle));
      }
  }
  void rotate(Tape& tape, Variable qkv, std::span<const int32_t> positions) const override {
    const int64_t T = static_cast<int64_t>(positions.size()), half = cos_.dim(1);
    Tensor cos = tape.arena().tensor({T, half}), sin = tape.arena().tensor({T, half});
    for (int64_t t = 0; t < T; ++t) {
      std::memcpy(cos.row(t), cos_.row(positions[t]), half * sizeof(float));
      std::memcpy(sin.row(t), sin_.row(positions[t]), half * sizeof(float));
    }
    waiver::rotate(tape, qkv, heads_, cos, sin);
  }

 private:
  double base_ = 10000.0;
  int64_t heads_ = 1;
  std::shared_ptr<Arena> memory_;
  Tensor cos_, sin_;
};

}  // namespace

std::unique_ptr<PositionEncoding> make_rope() { return std::make_unique<Rope>(); }

}  // namespace waiver
