#include "core/transpose.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace waiver {
namespace {

TEST_CASE("a transposed matrix has every number at its place and touches nothing else") {
  for (const int64_t rows : {0, 1, 7, 8, 9, 24, 67})
    for (const int64_t columns : {0, 1, 5, 8, 16, 35}) {
      INFO(rows, " x ", columns);
      const int64_t from_pitch = columns + 3, to_pitch = rows + 2;
      std::vector<float> from(rows * from_pitch), to(columns * to_pitch, -1.0f);
      for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
      transpose(from.data(), from_pitch, rows, columns, to.data(), to_pitch);
      for (int64_t c = 0; c < columns; ++c)
        for (int64_t r = 0; r < to_pitch; ++r)
          REQUIRE(to[c * to_pitch + r] ==
                  (r < rows ? static_cast<float>(r * from_pitch + c) : -1.0f));
    }
}

}  // namespace
}  // namespace waiver
