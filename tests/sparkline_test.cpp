// A series as one line of blocks.
#include "core/text/sparkline.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/text/table.h"

using namespace waiver;

TEST_CASE("a line of blocks is linear in the steps, and begins and ends with the series") {
  const std::vector<int64_t> steps = {0, 1, 2, 4, 8};
  const std::vector<double> values = {0, 1, 2, 4, 8};
  CHECK(sparkline(steps, values, 8, 9) == "▁▂▃▃▅▅▅▅█");
  CHECK(sparkline(steps, values, 8, 2) == "▁█");
  CHECK(sparkline(steps, values, 16, 3) == "▁▃▅");
  CHECK(sparkline_column(steps, 4, 9) == 4);
  CHECK(sparkline_column(steps, 1, 3) == 1);  // column 0 shows step 0 alone
  CHECK(sparkline_column(steps, 8, 3) == 2);
}

TEST_CASE("a single step fills the line; what is undefined is a blank, what is beyond is cut off") {
  const std::vector<int64_t> one = {5};
  CHECK(sparkline(one, std::vector<double>{1}, 2, 4) == "▅▅▅▅");
  const std::vector<int64_t> steps = {0, 1, 2, 3};
  CHECK(sparkline(steps, std::vector<double>{NAN, -1, INFINITY, 0.5}, 1, 4) == " ▁█▅");
  CHECK(display_width(sparkline(steps, std::vector<double>{0, 1, 0, 1}, 1, 40)) == 40);
}
