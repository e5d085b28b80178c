// What a step is said to send among ranks is what it sends. The others are not there: a mirror
// sends back what it gets.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "autograd/batch_parts.h"
#include "data/dataset.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

class Mirror : public Ranks {
 public:
  Mirror(int64_t count, int64_t own) : count_(count), own_(own) {}
  int64_t count() const override { return count_; }
  int64_t own() const override { return own_; }
  void exchange(std::span<const Piece> sent, std::span<const Piece> received) override {
    for (const Piece& p : sent) bytes += std::ssize(p.bytes);
    for (size_t i = 0; i < received.size(); ++i) {
      std::ranges::fill(received[i].bytes, std::byte{});
      if (i < sent.size())
        std::copy_n(sent[i].bytes.begin(), std::min(sent[i].bytes.size(), received[i].bytes.size()),
                    received[i].bytes.begin());
    }
  }
  int64_t bytes = 0;

 private:
  int64_t count_, own_;
};

}  // namespace

TEST_CASE("a step sends as many bytes as it is said to") {
  const auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(20);
  for (const bool tied : {false, true})
    for (const int64_t accumulate : {1, 3})
      for (const int64_t ranks : {2, 3, 4}) {
        CAPTURE(tied);
        CAPTURE(accumulate);
        CAPTURE(ranks);
        ModelConfig shape;
        shape.layers = 2;
        shape.heads = 2;
        shape.width = 64;
        shape.context = 20;
        shape.output.tied = tied;
        TrainConfig config;
        config.batch = 12;
        config.accumulate = accumulate;
        int64_t most = 0, said = 0, numbers = 0;
        for (int64_t own = 0; own < ranks; ++own) {
          Mirror mirror(ranks, own);
          Transformer model(shape, data->vocabulary(), 0);
          Trainer trainer(config, model, *data, 0, mirror);
          trainer.update(0);
          most = std::max(most, mirror.bytes);
          said = trainer.most_sent();
          numbers = std::ssize(model.parameters().values());
        }
        // Norms of ranges of gradients, and for each round the losses of its parts.
        const int64_t others = ranks - 1, norms = 8 * (numbers / (1 << 14) + 2),
                      losses = 2 * BatchParts::kMost * int64_t{sizeof(ShareOfLoss)} + 8;
        CHECK(most >= said);
        CHECK(most <= said + others * (norms + accumulate * losses));
      }
}
