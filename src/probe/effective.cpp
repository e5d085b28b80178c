#include "probe/effective.h"

#include <numeric>

#include "model/intervention.h"

namespace waiver {
namespace {

/// Leaves out the first block's attention.
class WithoutAttention : public Intervention {
 public:
  bool edits(int64_t layer, Point point) const override {
    return layer == 0 && point == Point::attn_out;
  }
  void edit(int64_t, Point, const Tensor& t) override { std::fill_n(t.data, t.size(), 0.0f); }
};

/// Adds up the stream after the first block by position.
class SumByPosition : public Capture {
 public:
  SumByPosition(std::vector<double>& sums, const std::vector<int32_t>& positions,
                std::span<const int64_t> lengths, int64_t sinks)
      : sums_(sums), positions_(positions), lengths_(lengths), sinks_(sinks) {}
  bool wants(int64_t layer, Point point) const override {
    return layer == 0 && point == Point::resid;
  }
  void take(int64_t, Point, const Tensor& t) override {
    const int64_t T = std::ssize(positions_), S = sinks_ + T, C = t.dim(1);
    for (int64_t n = 0; n < t.dim(0); ++n)
      if (const int64_t place = n % S - sinks_; place >= 0 && place < lengths_[n / S])
        for (int64_t c = 0; c < C; ++c) sums_[positions_[place] * C + c] += t.row(n)[c];
  }

 private:
  std::vector<double>& sums_;
  const std::vector<int32_t>& positions_;
  std::span<const int64_t> lengths_;
  int64_t sinks_;
};

}  // namespace

std::vector<float> effective_encodings(const Transformer& model, std::span<const int32_t> sequences,
                                       std::span<const int64_t> lengths,
                                       std::span<const float> features) {
  const ModelConfig& config = model.config();
  const int64_t C = config.width, batch = std::ssize(lengths), T = std::ssize(sequences) / batch;
  const auto contents =
      static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), int64_t{0}));
  std::vector<double> sums(T * C, 0.0);
  Arena arena;
  for (int64_t shift = 0; shift < T; ++shift) {
    std::vector<int32_t> positions(T);
    for (int64_t t = 0; t < T; ++t) positions[t] = static_cast<int32_t>((t + shift) % T);
    WithoutAttention without;
    SumByPosition sum(sums, positions, lengths, config.sink_tokens);
    arena.reset();
    Tape tape(arena, false);
    Input input{sequences, batch, T, positions};
    input.intervention = &without;
    input.features = features;
    model.forward(tape, input, &sum);
  }
  std::vector<float> out(T * C);
  for (int64_t c = 0; c < C; ++c) {
    double mean = 0;
    for (int64_t p = 0; p < T; ++p) mean += sums[p * C + c] / static_cast<double>(T);
    for (int64_t p = 0; p < T; ++p)
      out[p * C + c] = static_cast<float>((sums[p * C + c] - mean) / contents);
  }
  return out;
}

}  // namespace waiver
