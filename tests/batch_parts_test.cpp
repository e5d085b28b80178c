#include "autograd/batch_parts.h"

#include <doctest/doctest.h>

#include <vector>

#include "core/random.h"
#include "model/transformer.h"

// Sums over a batch: their parts, and whether a subtree's sequences alone give its bits.

namespace waiver {
namespace {

TEST_CASE("parts are a power of two, end with sequences, and tiles never cross them") {
  for (const int64_t sequences : {1, 2, 3, 5, 8, 13, 100})
    for (const int64_t length : {1, 7, 64, 100}) {
      INFO(sequences, " sequences of ", length);
      const BatchParts parts(sequences * length, sequences);
      CHECK((parts.count() & (parts.count() - 1)) == 0);
      CHECK(parts.count() <= std::min(sequences, BatchParts::kMost));
      CHECK(2 * parts.count() > std::min(sequences, BatchParts::kMost));
      CHECK(parts.row(parts.count()) == sequences * length);
      int64_t row = 0, part = 0;
      for (int64_t tile = 0; tile < parts.tiles(); ++tile) {
        const auto rows = parts.tile(tile);
        CHECK(rows.begin == row);
        CHECK(rows.size() > 0);
        CHECK(rows.size() <= BatchParts::kRows);
        while (rows.begin >= parts.row(part + 1)) ++part;
        CHECK(rows.end <= parts.row(part + 1));
        CHECK(parts.row(part) == parts.sequence(part) * length);
        row = rows.end;
      }
      CHECK(row == sequences * length);
    }
  CHECK(BatchParts(10, 3).count() == 1);  // not whole sequences
  for (const int64_t sequences : {0, 8}) {
    CHECK(BatchParts(0, sequences).tiles() == 0);
    CHECK(BatchParts(0, sequences).count() == 1);
  }
}

TEST_CASE("a single sequence has tiles for 64 threads, several have tiles of 64 rows") {
  for (const auto& [length, rows] :
       {std::pair{100, 16}, {1024, 16}, {2048, 32}, {3100, 48}, {4096, 64}, {9000, 64}}) {
    CAPTURE(length);
    CHECK(BatchParts(length, 1).tile_rows() == rows);
    CHECK((length < 1024 || BatchParts(length, 1).tiles() >= TileLoops::kMany));
    CHECK(BatchParts(2 * length, 2).tile_rows() == BatchParts::kRows);
  }
}

TEST_CASE("sums of tiles and of rows are those of their parts, in a binary tree") {
  constexpr int64_t kSequences = 6, kLength = 100;  // 4 parts
  const BatchParts parts(kSequences * kLength, kSequences);
  REQUIRE(parts.count() == 4);
  Arena arena;
  const Tensor sums = arena.tensor({parts.tiles(), 3});
  std::vector<float> of_part(4, 0.0f);
  for (int64_t tile = 0, part = 0; tile < parts.tiles(); ++tile) {
    while (parts.tile(tile).begin >= parts.row(part + 1)) ++part;
    for (int64_t c = 0; c < 3; ++c)
      sums.row(tile)[c] = static_cast<float>(Random(1, "sums").normal(3 * tile + c));
    of_part[part] += sums.row(tile)[1];
  }
  float to[] = {7, 8};
  parts.add_tiles(sums, 1, 1, to);
  CHECK(to[0] == 7 + ((of_part[0] + of_part[1]) + (of_part[2] + of_part[3])));
  CHECK(to[1] == 8);
  CHECK(parts.sum([](int64_t n) { return static_cast<double>(n); }) == 600.0 * 599 / 2);
}

constexpr int64_t kVocabulary = 23;

// The gradient of sequences [begin, end) of 8, as a part of the mean over all.
std::vector<float> gradient(const ModelConfig& config, int64_t begin, int64_t end) {
  const int64_t T = config.context, batch = end - begin;
  Transformer model(config, kVocabulary, 5);
  std::vector<int32_t> tokens, targets;
  for (int64_t n = begin * T; n < end * T; ++n) {
    tokens.push_back(static_cast<int32_t>(Random(2, "tokens").below(n, kVocabulary)));
    targets.push_back(static_cast<int32_t>(Random(2, "targets").below(n, kVocabulary)));
  }
  Arena arena;
  Tape tape(arena);
  model.parameters().zero_grads();
  const Variable logits = model.forward(tape, {tokens, batch, T, {}});
  tape.backward(cross_entropy(tape, logits, targets), static_cast<float>(batch) / 8.0f);
  const auto grads = model.parameters().grads();
  return {grads.begin(), grads.end()};
}

TEST_CASE("gradients of the halves of a batch add up to those of the whole, to the bit") {
  for (const Precision precision : {Precision::float32, Precision::bfloat16})
    for (const char* position : {"learned", "relative", "fire"})
      for (const char* slot : {"none", "key_value"}) {
        INFO(std::string(position), ", slot ", std::string(slot), ", ", word(precision));
        ModelConfig config;
        config.layers = 1;  // what layers share has a sum for each of them
        config.width = 48;
        config.heads = 3;
        config.context = 70;
        config.mlp.width = 80;
        config.sink_tokens = 2;
        config.precision = precision;
        config.position.set(position);
        config.attention.slot.set(slot);
        config.attention.gate.set("value");
        const std::vector<float> whole = gradient(config, 0, 8), first = gradient(config, 0, 4),
                                 second = gradient(config, 4, 8);
        const Transformer model(config, kVocabulary, 5);
        for (const Parameter& p : model.parameters().all()) {
          int64_t others = 0;
          const int64_t offset = model.parameters().offset(p);
          for (int64_t i = offset; i < offset + p.shape.size(); ++i)
            others += whole[i] != first[i] + second[i];
          CHECK_MESSAGE(others == 0, p.name);
        }
      }
}

}  // namespace
}  // namespace waiver
