#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/capture.h"

/// What a forward pass shows, and how measured numbers are compared with it.
namespace waiver {

// Keeps copies of everything that a forward pass shows.
class KeepAll : public Capture {
 public:
  bool wants(int64_t, Point) const override { return true; }
  void take(int64_t layer, Point point, const Tensor& t) override {
    kept[{layer, point}] = std::vector<float>(t.data, t.data + t.size());
  }
  const std::vector<float>& at(int64_t layer, Point point) const { return kept.at({layer, point}); }
  std::map<std::pair<int64_t, Point>, std::vector<float>> kept;
};

inline double length(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

// Sums of at most a few hundred floats, each rounded once when captured and once when logged.
inline doctest::Approx near(double x) { return doctest::Approx(x).epsilon(2e-6); }

}  // namespace waiver
