// How the work of a step is dealt out to ranks, and what each of them owns. What comes of it over
// MPI is for tests/ranks.py.
#include <doctest/doctest.h>

#include "autograd/batch_parts.h"
#include "core/error.h"
#include "core/random.h"
#include "core/ranks/agree.h"
#include "train/deal.h"
#include "train/gradient_norm.h"
#include "train/slices.h"

using namespace waiver;

TEST_CASE("every part of every accumulated part is one rank's, in subtrees, evenly") {
  for (const int64_t accumulate : {1, 2, 3, 5, 8})
    for (const int64_t sequences : {1, 2, 3, 4, 7, 8, 100})
      for (const int64_t ranks : {1, 2, 3, 4, 5, 8, 16}) {
        INFO(accumulate, " parts of ", sequences, " on ", ranks);
        const Deal deal(accumulate, sequences, ranks);
        const int64_t parts = BatchParts::count_of(sequences);
        int64_t at = 0, rank_before = 0;
        for (const Deal::Round& round : deal.rounds) {
          std::vector<int64_t> work(ranks);
          for (const Deal::Pass& pass : round) {
            CHECK(pass.accumulated * parts + pass.first == at);
            CHECK((pass.count & (pass.count - 1)) == 0);
            CHECK(pass.first % pass.count == 0);
            CHECK(pass.first + pass.count <= parts);
            if (&pass != &round.front()) CHECK(pass.rank >= rank_before);
            rank_before = pass.rank;
            work[pass.rank] += pass.count;
            at += pass.count;
          }
          const auto [least, most] = std::ranges::minmax(work);
          CHECK(most - least <= 1);
        }
        CHECK(at == accumulate * parts);
        CHECK(deal.busy() == std::min(ranks, std::max(accumulate * parts, parts)));
        if (accumulate % ranks == 0) CHECK(deal.passes() == accumulate);
        CHECK(deal.most_sequences(sequences) <= sequences);
      }
}

TEST_CASE(
    "as many ranks as divide the parts send a sum each, others more, and it is told how much") {
  for (const int64_t ranks : {2, 4, 8}) CHECK(Deal(1, 8, ranks).passes() == ranks);
  const Deal three(1, 8, 3);  // 2 parts, 2 + 1, 1 + 2
  CHECK(three.passes() == 5);
  CHECK(three.most_sums() == 5);
  CHECK(Deal(6, 8, 2).passes() == 6);
  CHECK(Deal(6, 8, 2).most_sums() == 2);
  CHECK(Deal(1, 1, 4).busy() == 1);
}

TEST_CASE("slices follow each other, end at cuts, and are as even as these allow") {
  std::vector<int64_t> fine, coarse = {0, 10, 5000, 5010, 9000};
  for (int64_t at = 0; at <= 9000; at += 100) fine.push_back(at);
  for (const int64_t count : {1, 2, 3, 7, 16}) {
    for (const auto& cuts : {fine, coarse}) {
      const std::vector<Slice> slices = cut_in_slices(cuts, count);
      REQUIRE(std::ssize(slices) == count);
      int64_t at = 0;
      for (const Slice& s : slices) {
        CHECK(s.begin == at);
        CHECK(std::ranges::count(cuts, s.end) == 1);
        at = s.end;
        if (cuts == fine) CHECK(std::abs(s.size() - 9000 / count) <= 100);
      }
      CHECK(at == 9000);
    }
  }
  CHECK(cut_in_slices(coarse, 2)[0].end == 5000);
}

TEST_CASE("a norm that slices sum up is that of all, to the bit") {
  std::vector<float> numbers(100000);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<float>(Random(1, "norm").normal(i));
  GradientNorm whole(100000);
  whole.add(numbers, {0, 100000});
  for (const std::vector<int64_t>& ends :
       {std::vector<int64_t>{40000, 40100, 100000}, {16384, 32768, 100000}, {99999, 100000}}) {
    GradientNorm sliced(100000);
    int64_t begin = 0;
    for (const int64_t end : ends) {
      CHECK(GradientNorm::end_of_last(end) >= end);
      sliced.add(numbers, {begin, end});
      begin = end;
    }
    CHECK(sliced.value() == whole.value());
  }
}

TEST_CASE("alone, there is nobody to ask, and nothing to exchange") {
  Ranks& alone = no_other_ranks();
  CHECK(alone.alone());
  CHECK(alone.first());
  int64_t number[] = {7};
  alone.broadcast(std::span<int64_t>(number));
  CHECK(number[0] == 7);
  CHECK(alone.gather(std::string("text")) == std::vector<std::string>{"text"});
  CHECK(alone.gather(std::vector<float>{1, 2}) == std::vector<std::vector<float>>{{1, 2}});
  CHECK(alone.gather(int64_t{5}) == std::vector<int64_t>{5});
  require_same(alone, "a 1\nb 2\n");
  CHECK_THROWS_AS(agree(alone, [] { throw Error("x", "is wrong"); }), Error);
  const Ranks::Piece there[] = {piece(1, std::span<int64_t>(number))};
  CHECK_THROWS_AS(alone.exchange(there, {}), ShapeError);
}
