// T5's buckets where a distance lies exactly on a boundary.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/fields/set_fields.h"
#include "model/position/encoding.h"
#include "model/position/natural.h"
#include "reference/encoding.h"

using namespace waiver;

namespace {

/// The bucket of every distance below `context`, asked of the encoding by a bias that is the number
/// of its bucket.
class Buckets {
 public:
  Buckets(int64_t buckets, int64_t max_distance, bool bidirectional, int64_t context)
      : encoding_("relative") {
    SetFields fields(SetFields::Values{{"buckets", std::to_string(buckets)},
                                       {"max_distance", std::to_string(max_distance)},
                                       {"bidirectional", bidirectional ? "true" : "false"}});
    encoding_->options(fields);
    encoding_->build(parameters_, {context, 1, 1});
    parameters_.allocate(0);
    float* table = parameters_.all().front().variable.value.data;
    for (int64_t b = 0; b < buckets; ++b) table[b] = static_cast<float>(b);
  }
  int64_t operator()(int64_t distance) const {
    const auto query = static_cast<int32_t>(std::max<int64_t>(distance, 0));
    const int32_t key = query - static_cast<int32_t>(distance);
    float bias = 0;
    encoding_->bias()->add(0, query, &key, &bias, 1);
    return std::lround(bias);
  }

 private:
  ParameterSet parameters_;
  Kind<PositionEncoding> encoding_;
};

/// Exponents of the primes of x, signs included for a quotient.
std::map<int64_t, int64_t> primes(int64_t above, int64_t below) {
  std::map<int64_t, int64_t> out;
  for (auto [x, sign] : {std::pair{above, 1}, {below, -1}})
    for (int64_t p = 2; x > 1; ++p)
      for (; x % p == 0; x /= p) out[p] += sign;
  std::erase_if(out, [](const auto& each) { return each.second == 0; });
  return out;
}

/// The rule, which asks of quotients near a whole number whether (n/e)^shared = (most/e)^far:
/// whether all primes say so.
int64_t far_bucket(int64_t n, int64_t e, int64_t shared, int64_t most) {
  if (n >= most) return shared - 1;
  const long double found = shared * std::log(static_cast<long double>(n) / e) /
                            std::log(static_cast<long double>(most) / e);
  const int64_t near = std::llround(found);
  std::map<int64_t, int64_t> left = primes(n, e), right = primes(most, e);
  for (auto& each : left) each.second *= shared;
  for (auto& each : right) each.second *= near;
  std::erase_if(right, [](const auto& each) { return each.second == 0; });
  return left == right ? near : static_cast<int64_t>(std::floor(found));
}

}  // namespace

TEST_CASE("a distance on a boundary of T5's scale is in the bucket that begins there") {
  struct Case {
    int64_t buckets, max_distance, distance, bucket;
  };
  for (const auto& [buckets, most, distance, bucket] : {Case{9, 128, 8, 5},
                                                        {9, 128, 16, 6},
                                                        {9, 128, 64, 8},
                                                        {19, 16, 12, 14},
                                                        {36, 32, 24, 27},
                                                        {54, 64, 36, 36},
                                                        {72, 64, 48, 54},
                                                        {99, 1024, 224, 74},
                                                        {108, 128, 72, 72}}) {
    INFO(buckets, " ", most, " ", distance);
    const Buckets one(buckets, most, false, distance + 2);
    CHECK(one(distance) == bucket);
    CHECK(one(distance - 1) < bucket);
    const Buckets both(2 * buckets, most, true, distance + 2);
    CHECK(both(distance) == bucket);
    CHECK(both(-distance) == buckets + bucket);
  }
}

TEST_CASE("T5's buckets are exact for many sizes, and the reference's too") {
  for (int64_t buckets = 4; buckets <= 140; buckets += buckets < 40 ? 1 : 7)
    for (const int64_t most : {16, 27, 32, 64, 81, 100, 128, 144, 243, 256, 500}) {
      const int64_t e = buckets / 2, shared = buckets - e;
      if (most <= e) continue;
      const Buckets one(buckets, most, false, 300), both(2 * buckets, most, true, 300);
      reference::Encoding plain = [&] {
        ModelConfig config;
        return reference::Encoding(reference::Settings(config, {{{"position", "relative"}}, {}}), 0,
                                   1);
      }();
      plain.buckets = buckets, plain.max_distance = most;
      INFO(buckets, " ", most);
      for (int64_t n = e; n < 300; ++n) {
        const int64_t right = e + far_bucket(n, e, shared, most);
        REQUIRE(one(n) == right);
        REQUIRE(both(-n) == buckets + right);
        REQUIRE(reference::bucket_of(plain, n) == right);
      }
    }
}

// 60,000² ÷ 2 and one more: the logarithms' quotient is 1 and 1 − 1e-11.
TEST_CASE("a distance just short of a boundary is before it") {
  const int64_t n = 60000, square = n * n / 2;
  CHECK(Buckets(4, square, false, n + 1)(n) == 3);
  CHECK(Buckets(4, square + 1, false, n + 1)(n) == 2);
}

TEST_CASE("natural numbers of any size compare exactly") {
  CHECK(Natural::power(2, 200) == Natural::power(4, 100));
  CHECK(Natural::power(3, 126) > Natural::power(2, 199));
  CHECK(Natural::power(3, 126) < Natural::power(2, 200));
  CHECK(Natural::power(10, 40).times(10, 2) == Natural::power(10, 42));
  CHECK(Natural::power(INT64_MAX, 3) < Natural::power(INT64_MAX, 3).times(2, 1));
}
