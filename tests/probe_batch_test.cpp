#include "probe/probe_batch.h"

#include <set>

#include "data/objective.h"
#include "datasets.h"

using namespace waiver;

namespace {

constexpr int64_t B = 40, T = 20;
constexpr ProbeTokens kRandomTokens{ProbeTokens::Content::random, ProbeTokens::Bos::keep};
constexpr ProbeTokens kNoBos{ProbeTokens::Content::natural, ProbeTokens::Bos::drop};
constexpr ProbeTokens kRandomNoBos{ProbeTokens::Content::random, ProbeTokens::Bos::drop};

void check_next_tokens(const Batch& batch) {
  for (int64_t n = 0; n < B * T; ++n)
    if (n % T < T - 1) REQUIRE(batch.targets[n] == batch.inputs[n + 1]);
}

}  // namespace

TEST_CASE("a natural probe batch is the data's own") {
  const auto data = open_data("bigram_backcopy", T);
  const Batch probe = probe_batch(*data, 0, B, T);
  const Batch own = batch_of(*data, B, T, 0, Split::probe);
  CHECK(probe.inputs == own.inputs);
  CHECK(probe.targets == own.targets);
}

TEST_CASE("random tokens are uniform over the data's own, and the first token stays") {
  const auto data = open_data("bigram_backcopy", T);
  const Batch batch = probe_batch(*data, 0, B, T, kRandomTokens);
  std::map<int32_t, int> count;
  for (int64_t n = 0; n < B * T; ++n) {
    if (n % T == 0)
      REQUIRE(batch.inputs[n] == 65);  // <s>
    else
      ++count[batch.inputs[n]];
    REQUIRE((batch.targets[n] >= 0 && batch.targets[n] < 65));
  }
  check_next_tokens(batch);
  // 760 draws of 65 ids, 11.7 each: every id is missed with probability 8e-6.
  CHECK(count.size() == 65);
  double chi = 0;
  for (const auto& [token, n] : count) chi += (n - 760 / 65.0) * (n - 760 / 65.0) / (760 / 65.0);
  CHECK(chi < 110);  // 64 degrees of freedom: above it with probability 3e-4
  CHECK(probe_batch(*data, 0, B, T, kRandomTokens).inputs == batch.inputs);
  CHECK(probe_batch(*data, 1, B, T, kRandomTokens).inputs != batch.inputs);
}

TEST_CASE("without the first token another takes its place, and nothing else moves") {
  const auto data = open_with("bigram_backcopy", {{"first", "2"}}, T);
  const Batch own = probe_batch(*data, 0, B, T), dropped = probe_batch(*data, 0, B, T, kNoBos),
              random = probe_batch(*data, 0, B, T, kRandomTokens),
              both = probe_batch(*data, 0, B, T, kRandomNoBos);
  std::set<int32_t> firsts;
  for (int64_t n = 0; n < B * T; ++n) {
    if (n % T < 2) {
      REQUIRE(own.inputs[n] == 65);
      REQUIRE(dropped.inputs[n] < 65);
      REQUIRE(both.inputs[n] < 65);
      firsts.insert(dropped.inputs[n]);
    } else {
      REQUIRE(dropped.inputs[n] == own.inputs[n]);
      REQUIRE(both.inputs[n] == random.inputs[n]);
    }
    if (n % T >= 1) REQUIRE(dropped.targets[n] == own.targets[n]);
  }
  CHECK(firsts.size() > 20);
  check_next_tokens(dropped);
  check_next_tokens(both);
}

TEST_CASE("fixed tokens and a last token stay among random ones") {
  const auto data = open_with(
      "bigram_backcopy", {{"last", "1"}, {"edits.fixed_at", "5"}, {"edits.fixed_token", "7"}}, T);
  const Batch batch = probe_batch(*data, 0, B, T, kRandomNoBos);
  for (int64_t b = 0; b < B; ++b) {
    CHECK(batch.inputs[b * T + 5] == 7);
    CHECK(batch.targets[b * T + 4] == 7);
    CHECK(batch.inputs[b * T + T - 1] == 67);
    CHECK(batch.targets[b * T + T - 1] == -1);
  }
}

TEST_CASE("tokens are masked at the same places of random sequences") {
  const auto data = Kind<Objective>("masked_token")->apply(open_data("bigram_backcopy", T), 0);
  const Batch own = probe_batch(*data, 0, B, T),
              random = probe_batch(*data, 0, B, T, kRandomTokens);
  CHECK(random.whole != own.whole);
  int64_t hidden = 0, kept = 0, masked = 0;
  for (int64_t n = 0; n < B * T; ++n) {
    REQUIRE((random.targets[n] >= 0) == (own.targets[n] >= 0));
    REQUIRE((random.inputs[n] == data->mask_token()) == (own.inputs[n] == data->mask_token()));
    if (random.targets[n] < 0) {
      REQUIRE(random.inputs[n] == random.whole[n]);
      continue;
    }
    REQUIRE(random.targets[n] == random.whole[n]);
    ++hidden;
    masked += random.inputs[n] == data->mask_token();
    kept += random.inputs[n] == random.whole[n];
  }
  CHECK((masked > 0 && kept > 0 && masked + kept < hidden));
}

TEST_CASE("a first token that is not there cannot be dropped") {
  const auto data = open_with("bigram_backcopy", {{"first", "0"}}, T);
  CHECK(error_of([&] { probe_batch(*data, 0, B, T, kNoBos); }) ==
        "bos: there is none to drop: this data's sequences begin with no fixed token. Keep it.");
}

TEST_CASE("features cannot be replaced by random tokens") {
  const auto data = open_data("trigger_average", T);
  CHECK(error_of([&] { probe_batch(*data, 0, B, T, kRandomTokens); }) ==
        "tokens: this data consists of features, which random tokens cannot replace. Take natural "
        "ones.");
  CHECK(probe_batch(*data, 0, B, T).features.size() > 0);
}
