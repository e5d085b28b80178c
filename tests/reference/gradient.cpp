#include "reference/gradient.h"

namespace waiver::reference {
namespace {

template <class S>
Weights<S> lift(const Weights<double>& weights) {
  Weights<S> out;
  for (const auto& [name, values] : weights) out[name].assign(values.begin(), values.end());
  return out;
}

}  // namespace

Weights<double> gradient(const Settings& settings, const Weights<double>& weights,
                         const Problem& problem) {
  Weights<Dual> lifted = lift<Dual>(weights);
  Weights<double> out;
  for (auto& [name, values] : lifted)
    for (size_t begin = 0; begin < values.size(); begin += Dual::kDirections) {
      const size_t count = std::min<size_t>(Dual::kDirections, values.size() - begin);
      for (size_t k = 0; k < count; ++k) values[begin + k].slopes[k] = 1;
      const Dual loss = run(settings, lifted, problem).loss;
      for (size_t k = 0; k < count; ++k) {
        values[begin + k].slopes[k] = 0;
        out[name].push_back(loss.slopes[k]);
      }
    }
  return out;
}

std::map<std::string, double> slopes_along(const Weights<double>& directions,
                                           const Settings& settings, const Weights<double>& weights,
                                           const Problem& problem) {
  std::map<std::string, double> out;
  for (auto next = directions.begin(); next != directions.end();) {
    Weights<Dual> lifted = lift<Dual>(weights);
    std::vector<std::string> names;
    for (int k = 0; k < Dual::kDirections && next != directions.end(); ++k, ++next) {
      const auto& [name, direction] = *next;
      names.push_back(name);
      for (size_t i = 0; i < direction.size(); ++i) lifted[name][i].slopes[k] = direction[i];
    }
    const Dual loss = run(settings, lifted, problem).loss;
    for (size_t k = 0; k < names.size(); ++k) out[names[k]] = loss.slopes[k];
  }
  return out;
}

double complex_step(const Settings& settings, const Weights<double>& weights,
                    const Problem& problem, const std::string& name, size_t index) {
  constexpr double step = 1e-30;
  auto lifted = lift<std::complex<double>>(weights);
  lifted[name][index] += std::complex<double>(0, step);
  return run(settings, lifted, problem).loss.imag() / step;
}

}  // namespace waiver::reference
