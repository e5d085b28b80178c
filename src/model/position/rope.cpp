#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "autograd/ops/ops.h"
#include "core/threads.h"
#include "model/position/encoding.h"
#include "model/position/rope_scaling.h"

namespace waiver {
namespace {

/// Of the first R = fraction · D channels of every query and key, pairs (d, d + R/2) are rotated by
/// position / interpolation · base^(−2d/R) (Su et al., 2104.09864, §3.2; halves paired and a share
/// of the head as in GPT-NeoX; interpolation as Chen et al., 2306.15595; what `scaling` makes of
/// the rates in rope_scaling.cpp).
class Rope : public PositionEncoding {
 public:
  void options(FieldVisitor& v) override {
    v.field({"base",
             "the slowest pair is rotated by about 1 / base per position "
             "(2104.09864)",
             above(1)},
            base_);
    v.field({"fraction",
             "share of a head's channels that are rotated (GPT-NeoX: 0.25)",
             {0.0, 1.0, true, false}},
            fraction_);
    v.field({"interpolation", "what positions are divided by, to stretch the context (2306.15595)",
             above(0)},
            interpolation_);
    v.field({"scaling", "how fast each pair turns, changed to read longer texts"}, scaling_);
  }
  std::string refuse(const EncodingSizes& sizes) const override {
    if (const std::string why = scaling_->refuse(); !why.empty())
      return fmt::format("scaling {}: {}", scaling_.name(), why);
    const int64_t head = sizes.head_width;
    if (fraction_ == 1.0 && head % 2 != 0)
      return fmt::format(
          "rope rotates pairs of channels, but a head of width {} has an odd number of them", head);
    const double turned = fraction_ * static_cast<double>(head), pairs = std::round(turned / 2.0);
    if (pairs > 0 && std::abs(turned - 2.0 * pairs) < 1e-6) return {};
    return fmt::format("rope rotates pairs of channels, but {} of a head of width {} is {}",
                       fraction_, head, turned);
  }
  void build(ParameterSet&, const EncodingSizes& sizes) override {
    heads_ = sizes.heads;
    const int64_t half = std::llround(fraction_ * static_cast<double>(sizes.head_width)) / 2;
    memory_ = std::make_shared<Arena>();
    cos_ = memory_->tensor({sizes.context, half});
    sin_ = memory_->tensor({sizes.context, half});
    std::vector<double> rates(half);
    for (int64_t d = 0; d < half; ++d) rates[d] = std::pow(base_, -static_cast<double>(d) / half);
    scaling_->scale(rates, base_);
    const double factor = scaling_->attention_factor();
    parallel_ranges(sizes.context, 64, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        for (int64_t d = 0; d < half; ++d) {
          const double angle = static_cast<double>(p) / interpolation_ * rates[d];
          cos_.row(p)[d] = static_cast<float>(factor * std::cos(angle));
          sin_.row(p)[d] = static_cast<float>(factor * std::sin(angle));
        }
    });
  }
  void rotate(Tape& tape, Variable qkv, std::span<const int32_t> positions) const override {
    const int64_t T = static_cast<int64_t>(positions.size()), half = cos_.dim(1);
    Tensor cos = tape.arena().tensor({T, half}), sin = tape.arena().tensor({T, half});
    parallel_ranges(T, 64, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const int64_t p = std::abs(positions[t]);
        std::memcpy(cos.row(t), cos_.row(p), half * sizeof(float));
        for (int64_t d = 0; d < half; ++d)
          sin.row(t)[d] = positions[t] < 0 ? -sin_.row(p)[d] : sin_.row(p)[d];
      }
    });
    waiver::rotate(tape, qkv, heads_, cos, sin);
  }

 private:
  double base_ = 10000.0, fraction_ = 1.0, interpolation_ = 1.0;
  Kind<RopeScaling> scaling_{"none"};
  int64_t heads_ = 1;
  std::shared_ptr<Arena> memory_;
  Tensor cos_, sin_;
};

}  // namespace

Registered<PositionEncoding> rope_kind() {
  return kind_of<PositionEncoding, Rope>(
      "rope", "queries and keys rotated by angles that grow with the position (2104.09864)");
}

}  // namespace waiver
