#pragma once

#include <string>
#include <vector>

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
};

/// T5's bucket of a distance (1910.10683 and its code): the first half of a direction's buckets one
/// by one, the rest in equal steps of log distance.
int64_t bucket_of(const Encoding& e, int64_t distance);

double sinusoid(int64_t position, int64_t channel, int64_t C);

/// Slopes of ALiBi (2108.12409, §3) for any number of heads.
std::vector<double> alibi_slopes(int64_t heads);

}  // namespace waiver::reference
