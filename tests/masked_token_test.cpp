#include <cmath>

#include "data/objective.h"
#include "datasets.h"

using namespace waiver;

namespace {

std::unique_ptr<Dataset> masked(std::unique_ptr<Dataset> data, SetFields::Values options = {}) {
  auto objective = Kind<Objective>("masked_token").make();
  SetFields fields(std::move(options));
  objective->options(fields);
  return objective->apply(std::move(data), 0);
}

}  // namespace

TEST_CASE("tokens of a prefix are given, not predicted") {
  const auto plain = open_data("bigram_backcopy", 64);
  for (int64_t given : {0, 1, 3, 64}) {
    const auto data = Kind<Objective>("next_token")->apply(open_data("bigram_backcopy", 64), given);
    const Batch truth = batch_of(*plain, 5, 64, 2), batch = batch_of(*data, 5, 64, 2);
    CHECK(batch.inputs == truth.inputs);
    for (int64_t n = 0; n < 5 * 64; ++n)
      CHECK(batch.targets[n] == (n % 64 + 1 < given ? -1 : truth.targets[n]));
  }
}

TEST_CASE("masked_token hides no token of a prefix") {
  const auto plain = open_data("bigram_backcopy", 64);
  for (int64_t given : {1, 3, 63}) {
    const auto data =
        Kind<Objective>("masked_token")->apply(open_data("bigram_backcopy", 64), given);
    const Batch truth = batch_of(*plain, 50, 64, 2), batch = batch_of(*data, 50, 64, 2);
    int64_t hidden = 0;
    for (int64_t n = 0; n < 50 * 64; ++n) {
      hidden += batch.targets[n] >= 0;
      if (n % 64 >= given) continue;
      CHECK(batch.targets[n] == -1);
      CHECK(batch.inputs[n] == truth.inputs[n]);
    }
    CHECK(hidden >= 50);
  }
}

TEST_CASE("masked_token masks 15 % of the tokens, 80-10-10, and only those are predicted") {
  const auto plain = open_data("bigram_backcopy", 64);
  const auto data = masked(open_data("bigram_backcopy", 64));
  CHECK(data->vocabulary() == 68);
  CHECK(data->mask_token() == 67);
  CHECK(data->text(67) == "<mask>");
  const Batch truth = batch_of(*plain, 3000, 64, 2), batch = batch_of(*data, 3000, 64, 2);
  CHECK(batch.whole == truth.inputs);
  double chosen = 0, mask = 0, stay = 0;
  std::vector<int> other(65);
  for (size_t n = 0; n < batch.inputs.size(); ++n) {
    if (batch.targets[n] < 0) {
      REQUIRE(batch.targets[n] == -1);
      REQUIRE(batch.inputs[n] == truth.inputs[n]);
      continue;
    }
    REQUIRE(n % 64 != 0);  // the first token is the same in every sequence
    REQUIRE(batch.targets[n] == truth.inputs[n]);
    REQUIRE((batch.inputs[n] < 65 || batch.inputs[n] == 67));
    ++chosen;
    mask += batch.inputs[n] == 67;
    stay += batch.inputs[n] == truth.inputs[n];
    if (batch.inputs[n] != 67 && batch.inputs[n] != truth.inputs[n]) ++other[batch.inputs[n]];
  }
  // 189,000 places and 28,000 chosen: standard errors of 0.0008 and 0.0024. One random token in
  // about twenty is the right one by chance.
  CHECK(chosen / (3000.0 * 63) == doctest::Approx(0.15).epsilon(0.02));
  CHECK(mask / chosen == doctest::Approx(0.8).epsilon(0.015));
  CHECK(stay / chosen == doctest::Approx(0.1).epsilon(0.15));
  // 2,800 random tokens, 43 of each of the 65; some were the right one.
  for (const int count : other) CHECK((count > 10 && count < 80));
}

TEST_CASE("masked_token is a pure function of seed, split and index") {
  const auto data = masked(open_data("bigram_backcopy"));
  const Batch a = batch_of(*data, 20, 64, 5);
  Batch b = batch_of(*data, 20, 64, 9);
  CHECK(a.inputs != b.inputs);
  data->batch(0, Split::train, 5, b);
  CHECK(a.inputs == b.inputs);
  CHECK(a.targets == b.targets);
  // A constant text, so that only the masks can differ.
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "text.txt").string();
  write_file(path, std::string(500, 'a') + std::string(500, 'a'));
  const auto text = masked(open_with("text", {{"path", path}}, 32));
  const auto hidden = [&](uint64_t seed, Split split, int64_t index) {
    Batch batch;
    batch.resize(8, 32);
    text->batch(seed, split, index, batch);
    return batch.targets;
  };
  CHECK(hidden(0, Split::train, 1) != hidden(0, Split::train, 2));
  CHECK(hidden(0, Split::train, 1) != hidden(1, Split::train, 1));
  CHECK(hidden(0, Split::train, 1) != hidden(0, Split::probe, 1));
}

TEST_CASE("masked_token hides at least one token of every sequence, and never a fixed one") {
  const auto data = masked(
      open_with(
          "bigram_backcopy",
          {{"first", "2"}, {"last", "1"}, {"edits.fixed_at", "5"}, {"edits.fixed_token", "3"}}, 12),
      {{"rate", "0.001"}});
  CHECK(data->vocabulary() == 69);
  const Batch batch = batch_of(*data, 2000, 12);
  std::vector<int> at(12);
  int64_t more = 0;
  for (int64_t b = 0; b < 2000; ++b) {
    const auto count = count_targets(std::span(&batch.targets[b * 12], 12));
    REQUIRE(count >= 1);
    more += count > 1;
    for (int64_t t = 0; t < 12; ++t) at[t] += batch.targets[b * 12 + t] >= 0;
  }
  CHECK(more < 5);
  for (const int64_t t : {0, 1, 5, 11}) CHECK(at[t] == 0);
  // Eight places share 2,000: the standard error is 15.
  for (const int64_t t : {2, 3, 4, 6, 7, 8, 9, 10}) CHECK(std::abs(at[t] - 250) < 75);
}
