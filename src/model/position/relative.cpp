#include <algorithm>
#include <cmath>
#include <vector>

#include "model/position/registry.h"

namespace waiver {
namespace {

/// s_ij += b_h[bucket(position_i − position_j)], b learned per head and shared by all blocks
/// (Raffel et al., 1910.10683, §2.1). With n buckets for one direction, distances below n/2 have
/// one each; the others share the rest on a logarithmic scale up to max_distance, and the last
/// takes all beyond. Without `bidirectional` every later key is at distance 0.
class Relative : public PositionEncoding, public ScoreBias {
 public:
  std::unique_ptr<PositionEncoding> clone() const override {
    return std::make_unique<Relative>(*this);
  }
  void options(FieldVisitor& v) override {
    v.field("buckets", buckets_, between(4, 1024), "learned numbers per head (1910.10683)");
    v.field("max_distance", max_distance_, at_least(2),
            "distance from which on all share the last bucket (1910.10683)");
    v.field("bidirectional", bidirectional_,
            "whether later keys have half of the buckets for themselves (1910.10683); under a "
            "causal mask "
            "nothing uses those");
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
                float* sums) const override {
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
    const double share =
        std::log(static_cast<double>(n) / static_cast<double>(exact())) /
        std::log(static_cast<double>(max_distance_) / static_cast<double>(exact()));
    const auto far = static_cast<int64_t>(share * static_cast<double>(one_direction() - exact()));
    return offset + std::min(one_direction() - 1, exact() + far);
  }

  int64_t buckets_ = 32, max_distance_ = 128, context_ = 0;
  bool bidirectional_ = false;
  const Parameter* table_ = nullptr;
  std::vector<int32_t> bucket_;  // by distance, from 1 − context to context − 1
};

}  // namespace

std::unique_ptr<PositionEncoding> make_relative() { return std::make_unique<Relative>(); }

}  // namespace waiver
