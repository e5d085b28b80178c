#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/position/encoding.h"

namespace waiver {
namespace {

constexpr int64_t kKeys = 64;  // processed at once, so that their numbers stay in the L1 cache

/// s_ij += f_h(ψ(|i − j|) / (ψ(max(i, |m L|)) + 1e-6)), ψ(x) = log(1 + |c| x), of the positions i
/// of the query and j of the key: FIRE (Li et al., 2310.04418, §3 and its published code). f is a
/// network from 1 to H numbers with one hidden layer of ReLU. It, c (initially 0.1) and m
/// (initially 1) are learned and shared by all heads and blocks; the last row of each of the
/// network's matrices is its bias. A later key, where the mask shows one, is treated by its
/// distance.
class Fire : public PositionEncoding, public ScoreBias {
 public:
  void options(FieldVisitor& v) override {
    v.field({"threshold",
             "L: a query before |m L| sees distances relative to that, a later one relative to its "
             "own position; m is learned (2310.04418)",
             between(1, 1e9)},
            threshold_);
    v.field({"hidden", "hidden units of the network (2310.04418)", between(1, 1024)}, hidden_);
  }
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    const auto add = [&](const char* name, const Shape& shape, Init init) {
      return &parameters.add(sizes.name + name, shape, init);
    };
    const double limit = 1.0 / std::sqrt(static_cast<double>(hidden_));
    heads_ = sizes.heads;
    c_ = add(".c", {1}, Init::constant(0.1));
    factor_ = add(".factor", {1}, Init::constant(1));
    up_ = add(".up.weight", {2, hidden_}, Init::uniform(1));
    down_ = add(".down.weight", {hidden_ + 1, heads_}, Init::uniform(limit));
  }
  const ScoreBias* bias() const override { return this; }

  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    const Scale scale = scale_of(query);
    for (int64_t j0 = 0; j0 < n; j0 += kKeys) {
      const int64_t count = std::min(kKeys, n - j0);
      float x[kKeys], sum[kKeys];
      for (int64_t j = 0; j < count; ++j) x[j] = scale.x(query, keys[j0 + j]);
      std::fill_n(sum, count, data(down_)[hidden_ * heads_ + head]);
      for (int64_t k = 0; k < hidden_; ++k) {
        const Unit u = unit(k, head);
#pragma omp simd
        for (int64_t j = 0; j < count; ++j) sum[j] += u.down * std::max(0.0f, u.up * x[j] + u.bias);
      }
      for (int64_t j = 0; j < count; ++j) row[j0 + j] += sum[j];
    }
  }

  std::vector<Variable> shared() const override {
    return {c_->variable, factor_->variable, up_->variable, down_->variable};
  }
  void backward(int64_t head, int32_t query, const int32_t* keys, const float* grad, int64_t n,
                float*, float* sums) const override {
    const Scale scale = scale_of(query);
    for (int64_t j0 = 0; j0 < n; j0 += kKeys) {
      const int64_t count = std::min(kKeys, n - j0);
      float x[kKeys], dx[kKeys];
      for (int64_t j = 0; j < count; ++j) x[j] = scale.x(query, keys[j0 + j]);
      network_gradient(head, x, grad + j0, count, dx, sums + 2);
      for (int64_t j = 0; j < count; ++j) {
        const float d = distance(query, keys[j0 + j]);
        sums[0] +=
            dx[j] * scale.sign * (d / (1 + scale.c * d) - x[j] * scale.dnorm_dc) / scale.norm;
        sums[1] -= dx[j] * x[j] * scale.dnorm_dfactor / scale.norm;
      }
    }
  }

 private:
  // One query's divisor, and its derivatives with respect to c and the factor.
  struct Scale {
    float c, sign, norm, dnorm_dc, dnorm_dfactor;
    float x(int32_t query, int32_t key) const {
      return std::log1p(c * distance(query, key)) / norm;
    }
  };
  Scale scale_of(int32_t query) const {
    const float c = std::abs(data(c_)[0]), sign = std::copysign(1.0f, data(c_)[0]);
    const auto L = static_cast<float>(threshold_), position = static_cast<float>(query);
    const float threshold = std::abs(data(factor_)[0]) * L, most = std::max(position, threshold);
    const float slope = most > position ? std::copysign(L, data(factor_)[0]) : 0.0f;
    return {c, sign, std::log1p(c * most) + 1e-6f, most / (1 + c * most),
            slope * c / (1 + c * most)};
  }
  static float distance(int32_t query, int32_t key) {
    return static_cast<float>(std::abs(query - key));
  }

  // A hidden unit with one head's weights.
  struct Unit {
    float up, bias, down;
  };
  Unit unit(int64_t k, int64_t head) const {
    return {data(up_)[k], data(up_)[hidden_ + k], data(down_)[k * heads_ + head]};
  }
  static const float* data(const Parameter* p) { return p->variable.value.data; }

  // dx [n], and the contributions to the sums for up and down.
  void network_gradient(int64_t head, const float* x, const float* grad, int64_t n, float* dx,
                        float* sums) const {
    float *up = sums, *up_bias = up + hidden_, *down = up_bias + hidden_,
          *down_bias = down + hidden_ * heads_;
    std::fill_n(dx, n, 0.0f);
    for (int64_t k = 0; k < hidden_; ++k) {
      const Unit u = unit(k, head);
      const float slope = u.down * u.up;
      float g = 0, gx = 0;  // Σ grad and Σ grad · x over the keys for which the unit is active
#pragma omp simd reduction(+ : g, gx)
      for (int64_t j = 0; j < n; ++j) {
        const float active = u.up * x[j] + u.bias > 0 ? grad[j] : 0.0f;
        g += active;
        gx += active * x[j];
        dx[j] += active * slope;
      }
      up[k] += u.down * gx;
      up_bias[k] += u.down * g;
      down[k * heads_ + head] += u.up * gx + u.bias * g;
    }
    for (int64_t j = 0; j < n; ++j) down_bias[head] += grad[j];
  }

  double threshold_ = 512;
  int64_t hidden_ = 32, heads_ = 0;
  const Parameter *c_ = nullptr, *factor_ = nullptr, *up_ = nullptr, *down_ = nullptr;
};

}  // namespace

Registered<PositionEncoding> fire_kind() {
  return kind_of<PositionEncoding, Fire>("fire",
                                         "a small learned network of the distance relative to the "
                                         "query's position, added to the scores (2310.04418)");
}

}  // namespace waiver
