#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <vector>

#include "reference/scalar.h"
#include "reference/settings.h"

// How one query's scores become weights, as the papers write it; only expressions that would
// overflow are rewritten.

namespace waiver::reference {

template <class S>
double largest(const std::vector<S>& x) {
  double top = real_part(x[0]);
  for (const S& v : x) top = std::max(top, real_part(v));
  return top;
}

template <class S>
S sigmoid(const S& x) {
  using std::exp;
  return real_part(x) > 0 ? S(1.0) / (S(1.0) + exp(-x)) : exp(x) / (S(1.0) + exp(x));
}
template <class S>
S log_sigmoid(const S& x) {
  using std::exp, std::log;
  return real_part(x) > 0 ? -log(S(1.0) + exp(-x)) : x - log(S(1.0) + exp(x));
}

/// What a normalizer's formula needs besides the scores.
template <class S>
struct Normalization {
  std::string kind;
  bool normalized = false;              // sigmoid
  double eps = 0, alpha = 0, zeta = 0;  // softpick; clipped
  double tokens = 0;                    // of the sequence
  S sink_logit = S(0.0);                // of the head

  Normalization(const Settings& s, const std::string& word) : kind(word) {
    if (kind == "sigmoid") normalized = s.flag("attention.normalizer.normalized");
    if (kind == "softpick") eps = s.number("attention.normalizer.eps");
    if (kind == "clipped") {
      alpha = s.number("attention.normalizer.alpha");
      zeta = s.number("attention.normalizer.zeta");
    }
  }
};

// e^s over their sum, with one more e^rest in the sum where there is one.
template <class S>
std::vector<S> softmax(std::vector<S> x, const S* rest = nullptr) {
  using std::exp;
  const double top = std::max(largest(x), rest ? real_part(*rest) : -1e300);
  S sum(0.0);
  for (S& v : x) sum += v = exp(v - top);
  if (rest) sum += exp(*rest - top);
  for (S& v : x) v = v / sum;
  return x;
}

// (e^s − 1) e^{−m} for all scores, m = max(0, max s), and the sum of their sizes and of eps.
template <class S>
std::vector<S> softpick(std::vector<S> x, double eps) {
  using std::exp;
  const double top = std::max(0.0, largest(x));
  S sum(eps);
  for (S& v : x) {
    v = exp(v - top) - std::exp(-top);
    sum += beyond_kink(v) ? v : -v;
  }
  for (S& v : x) v = beyond_kink(v) ? v / sum : S(0.0);
  return x;
}

template <class S>
std::vector<S> weights_of_scores(const Normalization<S>& how, std::vector<S> x) {
  using std::exp;
  const S zero(0.0);
  const auto keys = static_cast<double>(x.size());
  if (how.kind == "softmax") return softmax(x);
  if (how.kind == "softmax1") return softmax(x, &zero);
  if (how.kind == "sink_logit") return softmax(x, &how.sink_logit);
  if (how.kind == "softpick") return softpick(x, how.eps);
  if (how.kind == "clipped") {
    const double gamma = -how.alpha / how.tokens;
    x = softmax(x);
    for (S& v : x) {
      const S raw = (how.zeta - gamma) * v + S(gamma);
      v = !beyond_kink(raw) ? zero : beyond_kink(raw - S(1.0)) ? S(1.0) : raw;
    }
    return x;
  }
  if (how.normalized) {  // σ(s) / Σ σ(s), where every σ(s) may underflow
    for (S& v : x) v = log_sigmoid(v);
    return softmax(x);
  }
  for (S& v : x) {
    if (how.kind == "sigmoid") v = sigmoid(v);
    if (how.kind == "elu1") v = real_part(v) > 0 ? v + S(1.0) : exp(v);
    if (how.kind == "relu") v = beyond_kink(v) ? v / keys : zero;
  }
  return x;
}

}  // namespace waiver::reference
