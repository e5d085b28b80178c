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
    read_scaling(s, key + ".scaling");
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

void Encoding::read_scaling(const Settings& s, const std::string& key) {
  scaling = s.known(key, {"none", "llama3", "yarn"}, "encoding.cpp: rope_rate()");
  if (scaling == "none") return;
  factor = s.number(key + ".factor"), original_context = s.count(key + ".original_context");
  if (scaling == "llama3")
    low = s.number(key + ".low_freq_factor"), high = s.number(key + ".high_freq_factor");
  if (scaling == "yarn") {
    high = s.number(key + ".beta_fast"), low = s.number(key + ".beta_slow");
    attention_factor = s.number(key + ".attention_factor"), truncate = s.flag(key + ".truncate");
  }
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

// Llama 3.1's code: by wavelengths. The short ones stay, the long ones become `factor` longer, and
// between them the two rates are mixed.
double llama3_rate(const Encoding& e, double rate) {
  const double wavelength = 2.0 * M_PI / rate, length = static_cast<double>(e.original_context);
  if (wavelength < length / e.high) return rate;
  if (wavelength > length / e.low) return rate / e.factor;
  const double smooth = (length / wavelength - e.low) / (e.high - e.low);
  return (1.0 - smooth) * rate / e.factor + smooth * rate;
}

// 2309.00071 and its code: the pairs d from `first` to `last` change from the one rate to the
// other.
double yarn_rate(const Encoding& e, double rate, int64_t d, int64_t turned) {
  const auto pair_of = [&](double rotations) {
    const double length = e.original_context / (rotations * 2.0 * M_PI);
    return turned / 2.0 * std::log(length) / std::log(e.base);
  };
  double first = pair_of(e.high), last = pair_of(e.low);
  if (e.truncate) first = std::floor(first), last = std::ceil(last);
  if (first < 0) first = 0;
  if (last > turned - 1) last = static_cast<double>(turned - 1);
  if (first == last) last += 0.001;
  double ramp = (d - first) / (last - first);
  if (ramp < 0) ramp = 0;
  if (ramp > 1) ramp = 1;
  return rate / e.factor * ramp + rate * (1.0 - ramp);
}

double rope_rate(const Encoding& e, int64_t d, int64_t turned) {
  const double rate = std::pow(e.base, -2.0 * d / turned);
  if (e.scaling == "llama3") return llama3_rate(e, rate);
  if (e.scaling == "yarn") return yarn_rate(e, rate, d, turned);
  return rate;
}

double rope_factor(const Encoding& e) {
  if (e.scaling != "yarn") return 1.0;
  return e.attention_factor != 0 ? e.attention_factor : 0.1 * std::log(e.factor) + 1.0;
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
