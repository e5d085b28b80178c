#include "reference/encoding.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace waiver::reference {

Encoding::Encoding(const Settings& s, int64_t l, int64_t heads) : layer(l) {
  if (s.length("position")) name = "blocks." + std::to_string(layer) + ".attn.position";
  const std::string key = s.length("position") ? "position." + std::to_string(layer) : "position";
  kind =
      s.known(key, {"none", "learned", "sinusoidal", "rope", "alibi", "relative", "kerple", "fire"},
              "encoding.cpp: Encoding, or score_bias() in encoding.h");
  if (kind == "sinusoidal") scale = s.number(key + ".scale");
  if (adds())
    into_attention =
        s.known(key + ".into", {"embeddings", "attention"}, "model.cpp: added()") == "attention";
  if (kind == "rope") {
    base = s.number(key + ".base"), fraction = s.number(key + ".fraction");
    interpolation = s.number(key + ".interpolation");
  }
  if (kind == "relative") {
    buckets = s.count(key + ".buckets"), max_distance = s.count(key + ".max_distance");
    bidirectional = s.flag(key + ".bidirectional");
  }
  if (kind == "fire") threshold = s.number(key + ".threshold"), hidden = s.count(key + ".hidden");
  if (kind != "alibi") return;
  slopes = s.list(key + ".slopes");
  if (slopes.empty()) slopes = alibi_slopes(heads);
}

std::map<std::string, std::vector<int64_t>> Encoding::weight_shapes(int64_t heads) const {
  if (kind == "relative") return {{name + ".weight", {heads, buckets}}};
  if (kind == "kerple") return {{name + ".weight", {heads, 2}}};
  if (kind == "fire")
    return {{name + ".c", {1}},
            {name + ".factor", {1}},
            {name + ".up.weight", {2, hidden}},
            {name + ".down.weight", {hidden + 1, heads}}};
  return {};
}

int64_t bucket_of(const Encoding& e, int64_t distance) {
  int64_t buckets = e.buckets, offset = 0;
  if (e.bidirectional) {
    buckets /= 2;
    if (distance < 0) offset = buckets;
    distance = std::abs(distance);
  }
  distance = std::max<int64_t>(distance, 0);
  const int64_t exact = buckets / 2;
  if (distance < exact) return offset + distance;
  const double steps = std::log(distance / static_cast<double>(exact)) /
                       std::log(e.max_distance / static_cast<double>(exact)) * (buckets - exact);
  // Where steps is a whole number, rounding may leave it just short.
  return offset + std::min(buckets - 1, exact + static_cast<int64_t>(steps + 1e-9));
}

double sinusoid(int64_t position, int64_t channel, int64_t C) {
  const int64_t i = channel / 2;
  const double angle = position / std::pow(10000.0, 2.0 * i / C);
  return channel % 2 == 0 ? std::sin(angle) : std::cos(angle);
}

std::vector<double> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<double> slopes;
  for (int64_t h = 0; h < power; ++h) slopes.push_back(std::pow(2.0, -8.0 * (h + 1) / power));
  if (power == heads) return slopes;
  const std::vector<double> finer = alibi_slopes(2 * power);
  for (int64_t h = 0; h < heads - power; ++h) slopes.push_back(finer[2 * h]);
  return slopes;
}

}  // namespace waiver::reference
