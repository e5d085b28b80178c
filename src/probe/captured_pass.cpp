#include "probe/captured_pass.h"

#include <algorithm>
#include <span>

#include "core/stop.h"
#include "probe/prober.h"

namespace waiver {
namespace {

/// Keeps what is wanted of one part of the batch after the other.
class Kept : public Capture {
 public:
  Kept(CapturedPass& pass, const WantedPoints& wanted) : pass_(pass), wanted_(wanted) {}
  bool wants(int64_t layer, Point point) const override {
    return (point == Point::logits ? logits : others) && wanted_(layer, point);
  }
  void take(int64_t layer, Point point, const Tensor& t) override {
    const PlacedPoint at{layer, point};
    auto found = std::ranges::find(pass_.points, at, &CapturedPass::Values::at);
    if (found == pass_.points.end()) found = pass_.points.insert(found, {at, {}});
    found->numbers.insert(found->numbers.end(), t.data, t.data + t.size());
  }

  bool logits = true, others = true;

 private:
  CapturedPass& pass_;
  const WantedPoints& wanted_;
};

/// Counts what all points show.
class Counted : public Capture {
 public:
  bool wants(int64_t, Point) const override { return true; }
  void take(int64_t, Point, const Tensor& t) override { numbers += t.size(); }

  int64_t numbers = 0;
};

template <class T>
std::span<const T> part_of(const std::vector<T>& all, int64_t sequences, int64_t begin,
                           int64_t count) {
  const auto each = static_cast<int64_t>(all.size()) / sequences;
  return std::span(all).subspan(begin * each, count * each);
}

}  // namespace

const std::vector<float>* CapturedPass::find(int64_t layer, Point point) const {
  const auto found = std::ranges::find(points, PlacedPoint{layer, point}, &Values::at);
  return found == points.end() ? nullptr : &found->numbers;
}

CapturedPass capture_pass(const Transformer& model, const Dataset& data, uint64_t seed,
                          int64_t sequences, const ProbeTokens& tokens,
                          const WantedPoints& wanted) {
  const int64_t T = model.config().context;
  CapturedPass pass{probe_batch(data, seed, sequences, T, tokens), {}, {}};
  const Batch& batch = pass.batch;
  const std::vector<int32_t>& whole = batch.whole.empty() ? batch.inputs : batch.whole;
  for (int64_t b = 0; b < sequences; ++b) pass.lengths.push_back(data.length(&whole[b * T], T));
  const int64_t size = Prober::part_size(model.config(), sequences);
  Kept kept(pass, wanted);
  Arena arena;
  const auto run = [&](int64_t begin, const std::vector<int32_t>& ids) {
    check_stop();
    const int64_t count = std::min(size, sequences - begin);
    arena.reset();
    Tape tape(arena, false);
    Input input{part_of(ids, sequences, begin, count), count, T};
    input.features = part_of(batch.features, sequences, begin, count);
    input.whole = part_of(whole, sequences, begin, count);
    model.forward(tape, input, &kept);
  };
  for (int64_t begin = 0; begin < sequences; begin += size) {
    kept.logits = batch.whole.empty();
    kept.others = true;
    run(begin, whole);
    if (batch.whole.empty()) continue;
    kept.logits = true;
    kept.others = false;
    run(begin, batch.inputs);
  }
  return pass;
}

int64_t capture_memory(const Transformer& model, int64_t sequences) {
  const int64_t T = model.config().context, rows = Prober::part_size(model.config(), sequences);
  const auto count = static_cast<size_t>(Shape{rows, T}.size());
  Arena given, arena;
  const std::span<const int32_t> tokens(given.array<int32_t>(count), count);
  Counted all;
  Tape tape(arena, false);
  model.forward(tape, {tokens, rows, T}, &all);
  // The file is an image, a copy of it, and one with its seal.
  constexpr int64_t kCopies = 3;
  return static_cast<int64_t>(arena.used()) +
         Shape{kCopies, sequences, all.numbers / rows, sizeof(float)}.size();
}

}  // namespace waiver
