// When a place was a waiver element: planted series.
#include "probe/events/emergence.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string_view>
#include <vector>

using namespace waiver;

namespace {

const std::vector<int64_t> kAt = {0, 10, 20, 30, 40, 50, 60};

// α, E and r_V that meet the definition where `met` has an x, by default all of them.
Emergence planted(std::string_view met, bool with_enrichment = true) {
  std::vector<double> alpha, enrichment, ratio;
  for (const char c : met) {
    alpha.push_back(c == 'x' ? 0.5 : 0.1);
    enrichment.push_back(4);
    ratio.push_back(0.25);
  }
  if (!with_enrichment) enrichment.clear();
  return find_emergence(kAt, alpha, enrichment, ratio, {});
}

}  // namespace

TEST_CASE("a waiver element emerges at the first of three probes in a row") {
  const Emergence never = planted(".......");
  CHECK(!never.emerged());
  CHECK(!never.lasts());
  CHECK(never.last == -1);

  const Emergence start = planted("xxxxxxx");
  CHECK(start.onset == 0);
  CHECK(start.since == 0);
  CHECK(start.lasting == 7);

  const Emergence three = planted("....xxx");
  CHECK(three.onset == 40);
  CHECK(three.lasts());
  CHECK(planted("..xx...").onset == -1);
  CHECK(planted("..xx...").last == 30);
}

TEST_CASE("one that is there at the last one or two probes only has not emerged") {
  const Emergence two = planted(".....xx"), one = planted("......x");
  CHECK(!two.emerged());
  CHECK(two.since == 50);
  CHECK(two.lasting == 2);
  CHECK(!one.emerged());
  CHECK(one.since == 60);
  CHECK(one.lasting == 1);
}

TEST_CASE("an interruption begins the count anew, and what emerged stays so") {
  CHECK(planted("xx.xxx.").onset == 30);
  const Emergence again = planted("xxx..xx");
  CHECK(again.onset == 0);
  CHECK(again.since == 50);
  CHECK(again.lasting == 2);
  const Emergence gone = planted(".xxxx..");
  CHECK(gone.onset == 10);
  CHECK(gone.last == 40);
  CHECK(!gone.lasts());
  CHECK(gone.since == -1);
}

TEST_CASE("all three quantities must be across their thresholds at the same probe") {
  const std::vector<double> alpha = {.1, .1, .5, .5, .5, .5, .5}, e = {4, 4, 4, 3, 4, 4, 4},
                            ratio = {1, .2, .2, .2, .2, .2, .2};
  CHECK(find_emergence(kAt, alpha, e, ratio, {}).onset == 40);   // at its threshold is not beyond
  CHECK(find_emergence(kAt, alpha, {}, ratio, {}).onset == 20);  // an added key
  std::vector<double> undefined = ratio;
  undefined[5] = NAN;
  CHECK(!find_emergence(kAt, alpha, e, undefined, {}).emerged());
  CHECK(find_emergence(kAt, alpha, e, ratio, {.received_attention = .5}).onset == -1);
  CHECK(find_emergence(kAt, alpha, e, ratio, {.enrichment = 2}).onset == 20);
  CHECK(planted("....xxx", false).onset == 40);
}

TEST_CASE("what emerged and lasts tells more than what is gone or new, and of equals the earlier") {
  const Emergence early = planted("..xxxxx"), late = planted("....xxx"), gone = planted("xxx...."),
                  fresh = planted(".....xx"), never = planted(".......");
  const std::vector<Emergence> order = {early, late, gone, fresh, never};
  for (size_t i = 0; i < order.size(); ++i)
    for (size_t j = 0; j < order.size(); ++j) CHECK(tells_more(order[i], order[j]) == (i < j));
}
