#include "core/arena.h"
#include "core/scratch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "autograd/ops/ops.h"
#include "model/transformer.h"

namespace waiver {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST_CASE("an arena gives 64-byte aligned memory that does not overlap") {
  Arena arena;
  std::byte* end = nullptr;
  for (size_t count : {1, 63, 64, 65, 0, 1000, 3}) {
    auto* p = static_cast<std::byte*>(arena.bytes(count));
    CHECK(reinterpret_cast<uintptr_t>(p) % 64 == 0);
    CHECK(p >= end);
    end = p + std::max<size_t>(count, 1);
  }
}

TEST_CASE("what an arena gave stays in place while it grows") {
  Arena arena;
  auto* first = static_cast<unsigned char*>(arena.bytes(5 * kMiB));
  std::memset(first, 7, 5 * kMiB);
  for (int i = 0; i < 20; ++i) std::memset(arena.bytes(5 * kMiB), 9, 5 * kMiB);
  CHECK(arena.allocations() > 1);
  for (size_t i = 0; i < 5 * kMiB; i += 4099) REQUIRE(first[i] == 7);
}

TEST_CASE("after a reset an arena is one block that holds the largest round so far") {
  Arena arena;
  for (int i = 0; i < 20; ++i) arena.bytes(5 * kMiB);
  arena.reset();
  CHECK(arena.used() == 0);
  CHECK(arena.capacity() >= 100 * kMiB);
  const size_t allocations = arena.allocations();

  auto* begin = static_cast<std::byte*>(arena.bytes(5 * kMiB));
  std::byte* last = begin;
  for (int i = 1; i < 20; ++i) last = static_cast<std::byte*>(arena.bytes(5 * kMiB));
  CHECK(last == begin + 95 * kMiB);
  arena.reset();
  arena.bytes(3);
  arena.reset();
  arena.bytes(100 * kMiB);
  CHECK(arena.allocations() == allocations);
}

TEST_CASE("one request larger than a block is granted whole") {
  Arena arena;
  auto* p = static_cast<unsigned char*>(arena.bytes(40 * kMiB));
  std::memset(p, 1, 40 * kMiB);
  CHECK(arena.allocations() == 1);
}

TEST_CASE("zeros are zero in memory that was used before") {
  Arena arena;
  std::memset(arena.bytes(400), 255, 400);
  arena.reset();
  const Tensor t = arena.zeros({10, 10});
  CHECK(t.shape.text() == "[10, 10]");
  for (int i = 0; i < 100; ++i) CHECK(t.data[i] == 0.0f);
}

TEST_CASE("a steady training step asks the system for no memory, in either precision") {
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    ModelConfig config;
    config.width = 64;
    config.context = 256;
    config.precision = precision;
    Transformer model(config, 17, 1);
    const std::vector<int32_t> tokens(16 * 256, 3);
    Arena arena;
    std::vector<size_t> allocations, scratch;
    for (int step = 0; step < 4; ++step) {
      arena.reset();
      Tape tape(arena);
      const Variable logits = model.forward(tape, {tokens, 16, 256, {}});
      tape.backward(cross_entropy(tape, logits, tokens));
      allocations.push_back(arena.allocations());
      scratch.push_back(Scratch::allocations());
    }
    CHECK(allocations[0] > 1);  // the first step does not fit into one block
    CHECK(allocations[2] == allocations[1]);
    CHECK(allocations[3] == allocations[1]);
    CHECK(scratch[3] == scratch[2]);  // of this thread
  }
}

}  // namespace
}  // namespace waiver
