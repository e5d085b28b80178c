#include "report/arrays.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace waiver {
namespace {

static_assert(std::endian::native == std::endian::little);

using Bytes = std::vector<unsigned char>;

/// The bytes of numbers of `width` bytes each, byte plane by byte plane.
class Planes {
 public:
  Planes(size_t count, size_t width) : count_(count), bytes_(count * width) {}
  // The lowest `width` bytes of `bits`.
  void set(size_t i, uint64_t bits) {
    for (size_t at = i; at < bytes_.size(); at += count_, bits >>= 8)
      bytes_[at] = static_cast<unsigned char>(bits);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  size_t count_;
  Bytes bytes_;
};

Bytes deflated(const Bytes& bytes) {
  // Higher levels take several times as long and save a few percent.
  constexpr int kLevel = 3;
  uLongf size = compressBound(bytes.size());
  Bytes out(size);
  if (compress2(out.data(), &size, bytes.data(), bytes.size(), kLevel) != Z_OK)
    throw Error("zlib", "the compression library cannot compress an array");
  out.resize(size);
  return out;
}

std::string base64(const Bytes& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  out.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                 bytes.data(), static_cast<int>(bytes.size()))));
  return out;
}

template <class T, class F>
Json packed(const char* type, size_t width, std::span<const T> values, std::vector<int64_t> shape,
            const F& bits) {
  Planes planes(values.size(), width);
  for (size_t i = 0; i < values.size(); ++i) planes.set(i, bits(values[i]));
  return {{"type", type}, {"shape", std::move(shape)}, {"data", base64(deflated(planes.bytes()))}};
}

uint32_t bits_of_float(double x) { return std::bit_cast<uint32_t>(static_cast<float>(x)); }

bool is_float(double x) { return std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x; }

}  // namespace

Json exact_array(std::span<const double> values, std::vector<int64_t> shape) {
  if (std::ranges::all_of(values, is_float))
    return packed("float32", 4, values, std::move(shape), bits_of_float);
  return packed("float64", 8, values, std::move(shape),
                [](double x) { return std::bit_cast<uint64_t>(x); });
}

Json rounded_array(std::span<const double> values, std::vector<int64_t> shape) {
  return packed("float24", 3, values, std::move(shape), [](double x) {
    const uint32_t bits = bits_of_float(x);
    return (std::isfinite(x) ? bits + 0x80 : bits) >> 8;
  });
}

Json share_array(std::span<const double> values, std::vector<int64_t> shape) {
  return packed("share", 1, values, std::move(shape), [](double x) -> uint64_t {
    return std::isnan(x) ? 255 : static_cast<uint64_t>(std::lround(254 * std::clamp(x, 0.0, 1.0)));
  });
}

Json whole_array(std::span<const int64_t> values, std::vector<int64_t> shape) {
  return packed("int32", 4, values, std::move(shape),
                [](int64_t x) { return static_cast<uint32_t>(x); });
}

}  // namespace waiver
