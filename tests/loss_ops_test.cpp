#include "autograd/ops/ops.h"

#include <array>
#include <limits>

#include "core/math.h"
#include "reference/op_check.h"

// Losses against plain loops in double precision.

namespace waiver {
namespace {

using namespace op_check;

TEST_CASE("squared_error leaves out the rows without a target") {
  const int N = 130, C = 67;
  const auto answers = noise("answers", N * C);
  std::vector<int32_t> targets(N);
  for (int n = 0; n < N; ++n) targets[n] = n % 3 - 1;
  check(
      {{N, C}},
      [&](Tape& tape, const auto& in) { return squared_error(tape, in[0], answers, targets); },
      [&](const auto& in) {
        auto y = in[0];
        y.resize(1);
        y[0] = 0.0;
        const auto counted = std::ranges::count_if(targets, [](int32_t t) { return t >= 0; });
        for (size_t i = 0; i < in[0].size(); ++i) {
          if (targets[i / C] < 0) continue;
          const auto error = in[0][i] - static_cast<double>(answers[i]);
          y[0] += error * error / static_cast<double>(counted * C);
        }
        return y;
      });
}

TEST_CASE("squared_error is the mean of all squared differences") {
  for (const auto& [N, C] : {std::array{1, 1}, {7, 5}, {130, 67}}) {
    const auto answers = noise("answers", N * C);
    const std::vector<int32_t> targets(N, 0);
    check(
        {{N, C}},
        [&](Tape& tape, const auto& in) { return squared_error(tape, in[0], answers, targets); },
        [&](const auto& in) {
          auto y = in[0];
          y.resize(1);
          y[0] = 0.0;
          for (size_t i = 0; i < in[0].size(); ++i) {
            const auto error = in[0][i] - static_cast<double>(answers[i]);
            y[0] += error * error / static_cast<double>(answers.size());
          }
          return y;
        });
  }
}

// With `every` = 3, two rows of three have no target.
void check_cross_entropy(int N, int V, int every) {
  auto targets = whole_numbers("targets", N, V);
  int count = 0;
  for (int n = 0; n < N; ++n)
    if (n % every == 0)
      ++count;
    else
      targets[n] = -1;
  check(
      {{N, V}}, [&](Tape& tape, const auto& in) { return cross_entropy(tape, in[0], targets); },
      [&](const auto& in) {
        using std::exp, std::log;
        auto loss = 0.0 * in[0][0];
        for (int n = 0; n < N; ++n) {
          if (targets[n] < 0) continue;
          auto sum = 0.0 * in[0][0];
          for (int v = 0; v < V; ++v) sum += exp(in[0][n * V + v]);
          loss += (log(sum) - in[0][n * V + targets[n]]) / count;
        }
        return std::vector{loss};
      });
}

TEST_CASE("cross_entropy is the mean of −log softmax over the rows that have a target") {
  for (const auto& [N, V] : {std::array{1, 2}, {5, 3}, {64, 8}, {131, 67}})
    for (int every : {1, 3}) check_cross_entropy(N, V, every);
}

TEST_CASE("cross_entropy without any target is 0, and so is its gradient") {
  Arena arena;
  Tape tape(arena);
  Variable logits = tape.variable({2, 3});
  std::fill_n(logits.value.data, 6, 1.0f);
  std::fill_n(logits.grad.data, 6, NAN);
  const std::vector<int32_t> targets = {-1, -1};
  const Variable loss = cross_entropy(tape, logits, targets);
  tape.backward(loss);
  CHECK(loss.value.data[0] == 0);
  CHECK(copy(logits.grad) == std::vector<float>(6, 0.0f));
}

TEST_CASE("cross_entropy stays finite for huge logits") {
  Arena arena;
  Tape tape(arena);
  Variable logits = tape.variable({1, 3});
  logits.value.data[0] = 3e4f, logits.value.data[1] = 0.0f, logits.value.data[2] = -3e4f;
  const std::vector<int32_t> target = {1};
  const Variable loss = cross_entropy(tape, logits, target);
  tape.backward(loss);
  CHECK(loss.value.data[0] == 3e4f);
  CHECK(copy(logits.grad) == std::vector<float>{1.0f, -1.0f, 0.0f});
}

}  // namespace
}  // namespace waiver
