#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "model/position/encoding.h"

namespace waiver {
namespace {

/// s_ij −= m_h · |position_i − position_j| (Press et al., 2108.12409, §3). Slopes m_h = 2^(−8h/H),
/// h = 1 … H, for H a power of two; otherwise those of the next lower power of two P, followed by
/// the odd-numbered slopes of 2P. Or slopes that the config gives.
class Alibi : public PositionEncoding, public ScoreBias {
 public:
  void options(FieldVisitor& v) override {
    v.field({"slopes", "slopes m_h of the heads; none: 2^(−8h/H) (2108.12409)"}, given_);
  }
  std::string refuse(const EncodingSizes& sizes) const override {
    if (given_.empty() || std::ssize(given_) == sizes.heads) return {};
    return fmt::format("alibi has {} slopes, but model.heads is {}", given_.size(), sizes.heads);
  }
  void build(ParameterSet&, const EncodingSizes& sizes) override {
    slopes_.assign(given_.begin(), given_.end());
    if (given_.empty()) add_published_slopes(sizes.heads);
  }
  const ScoreBias* bias() const override { return this; }
  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    const float m = slopes_[head];
    for (int64_t j = 0; j < n; ++j) row[j] -= m * static_cast<float>(std::abs(query - keys[j]));
  }

 private:
  void add_published_slopes(int64_t heads) {
    int64_t power = 1;
    while (2 * power <= heads) power *= 2;
    for (int64_t h = 1; h <= power; ++h) slopes_.push_back(slope(h, power));
    for (int64_t h = 1; std::ssize(slopes_) < heads; h += 2) slopes_.push_back(slope(h, 2 * power));
  }
  static float slope(int64_t h, int64_t heads) {
    return static_cast<float>(std::pow(2.0, -8.0 * static_cast<double>(h) / heads));
  }
  std::vector<double> given_;
  std::vector<float> slopes_;
};

}  // namespace

Registered<PositionEncoding> alibi_kind() {
  return kind_of<PositionEncoding, Alibi>(
      "alibi", "scores lowered in proportion to the distance (2108.12409)");
}

}  // namespace waiver
