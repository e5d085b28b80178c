#include <algorithm>
#include <cmath>
#include <vector>

#include "model/position/encoding.h"
#include "model/position/natural.h"

namespace waiver {
namespace {

/// s_ij += b_h[bucket(position_i − position_j)], b learned per head and shared by all blocks
/// (Raffel et al., 1910.10683, §2.1). With n buckets per direction, distances below e = ⌊n/2⌋ have
/// one each; the others share the rest on a logarithmic scale up to max_distance,
///   bucket(d) = e + ⌊(n − e) ln(d/e) ÷ ln(max_distance/e)⌋,
/// and the last takes everything beyond. The floor is exact: powers of whole numbers decide where
/// rounding of the logarithms could. Without `bidirectional` every later key is at distance 0.
class Relative : public PositionEncoding, public ScoreBias {
 public:
  void options(FieldVisitor& v) override {
    v.field({"buckets", "learned numbers per head (1910.10683)", between(4, 1024)}, buckets_);
    v.field({"max_distance", "distance from which all keys share the last bucket (1910.10683)",
             at_least(2)},
            max_distance_);
    v.field({"bidirectional",
             "whether later keys have half of the buckets for themselves (1910.10683); under a "
             "causal mask "
             "nothing uses those"},
            bidirectional_);
  }
  std::string refuse(const EncodingSizes&) const override {
    if (max_distance_ > exact()) return {};
    return "max_distance = " + std::to_string(max_distance_) + " lies within the " +
           std::to_string(exact()) + " distances that have a bucket each";
  }
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    table_ = &parameters.add(sizes.name + ".weight", {sizes.heads, buckets_}, Init::constant(0));
    context_ = sizes.context;
    bucket_.clear();
    for (int64_t distance = 1 - context_; distance < context_; ++distance)
      bucket_.push_back(static_cast<int32_t>(bucket(distance)));
  }
  const ScoreBias* bias() const override { return this; }

  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    const float* b = table_->variable.value.row(head);
    const int32_t* bucket = &bucket_[query + context_ - 1];
    for (int64_t j = 0; j < n; ++j) row[j] += b[bucket[-keys[j]]];
  }
  Variable parameter() const override { return table_->variable; }
  void backward(int64_t, int32_t query, const int32_t* keys, const float* grad, int64_t n,
                float* sums, float*) const override {
    const int32_t* bucket = &bucket_[query + context_ - 1];
    for (int64_t j = 0; j < n; ++j) sums[bucket[-keys[j]]] += grad[j];
  }

 private:
  int64_t one_direction() const { return bidirectional_ ? buckets_ / 2 : buckets_; }
  int64_t exact() const { return one_direction() / 2; }
  int64_t bucket(int64_t distance) const {
    const int64_t n = bidirectional_ ? std::abs(distance) : std::max<int64_t>(distance, 0);
    const int64_t offset = bidirectional_ && distance < 0 ? one_direction() : 0;
    if (n < exact()) return offset + n;
    return offset + exact() + far_bucket(n);
  }
  // Among the buckets of the logarithmic scale, for a distance of at least exact().
  int64_t far_bucket(int64_t n) const {
    const int64_t shared = one_direction() - exact();
    if (n >= max_distance_) return shared - 1;
    const auto ratio = [&](int64_t x) {
      return std::log(static_cast<double>(x) / static_cast<double>(exact()));
    };
    const double found = static_cast<double>(shared) * ratio(n) / ratio(max_distance_);
    const double nearest = std::round(found);
    if (std::abs(found - nearest) > 1e-6) return static_cast<int64_t>(found);
    const auto whole = static_cast<int64_t>(nearest);
    return reaches(n, whole) ? whole : whole - 1;
  }
  // (n/e)^shared ≥ (max_distance/e)^far
  bool reaches(int64_t n, int64_t far) const {
    const int64_t shared = one_direction() - exact();
    return Natural::power(n, shared) >=
           Natural::power(max_distance_, far).times(exact(), shared - far);
  }

  int64_t buckets_ = 32, max_distance_ = 128, context_ = 0;
  bool bidirectional_ = false;
  const Parameter* table_ = nullptr;
  std::vector<int32_t> bucket_;  // by distance, from 1 − context to context − 1
};

}  // namespace

Registered<PositionEncoding> relative_kind() {
  return kind_of<PositionEncoding, Relative>(
      "relative",
      "a learned number per head and bucket of distances, added to the scores (1910.10683)");
}

}  // namespace waiver
