#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "reference/scalar.h"
#include "reference/settings.h"

namespace waiver::reference {

/// What a layer knows of positions.
struct Encoding {
  std::string kind;
  double base = 0, fraction = 0, interpolation = 0, scale = 0;
  std::vector<double> slopes;
  int64_t layer, buckets = 0, max_distance = 0;
  bool bidirectional = false;
  std::string table = "embed.position.weight";

  Encoding(const Settings& s, int64_t l, int64_t heads);
  /// Of what it learns for the scores; empty: nothing.
  std::vector<int64_t> table_shape(int64_t heads) const;
};

/// T5's bucket of a distance (1910.10683 and its code): the first half of a direction's buckets one
/// by one, the rest in equal steps of log distance.
int64_t bucket_of(const Encoding& e, int64_t distance);

template <class S>
S size_of(const S& x) {
  return real_part(x) < 0 ? -x : x;
}

/// What it adds to the scores of head h at a distance; `table` is what it learned.
template <class S>
S score_bias(const Encoding& e, const std::vector<S>& table, int64_t h, int64_t distance) {
  if (e.kind == "relative") return table[h * e.buckets + bucket_of(e, distance)];
  if (e.kind == "alibi") return S(-e.slopes[h] * static_cast<double>(std::abs(distance)));
  if (e.kind == "kerple") {
    using std::log;
    const S r1 = 2.0 * size_of(table[2 * h]), r2 = size_of(table[2 * h + 1]);
    return -(r1 * log(S(1.0) + r2 * static_cast<double>(std::abs(distance))));
  }
  return S(0.0);
}

double sinusoid(int64_t position, int64_t channel, int64_t C);

/// Slopes of ALiBi (2108.12409, §3) for any number of heads.
std::vector<double> alibi_slopes(int64_t heads);

}  // namespace waiver::reference
