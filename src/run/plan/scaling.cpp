#include "run/plan/scaling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/rehearsal.h"
#include "model/transformer.h"
#include "train/trainer.h"

namespace waiver {
namespace {

double rounds_of(double tiles, int64_t threads) {
  return std::ceil(std::max(1.0, tiles) / static_cast<double>(threads) - 1e-9);
}

// The passes of the rank that takes longest. A rank with fewer whole parts leaves out passes, one
// with a share of a part has fewer tiles in each.
double longest_passes(const Deal& deal, const Pace& pace, int64_t threads, int64_t accumulate,
                      int64_t sequences) {
  Work of_part = pace.passes;
  of_part.outside /= static_cast<double>(accumulate);
  for (TileLoops::OfSize& loop : of_part.loops) loop.seconds /= static_cast<double>(accumulate);
  const BatchShare whole{sequences, 0, 0};
  std::vector<double> seconds(deal.ranks);
  for (const Deal::Round& round : deal.rounds)
    for (const Deal::Pass& pass : round) {
      const int64_t held = whole.sequence(pass.first + pass.count) - whole.sequence(pass.first);
      seconds[pass.rank] +=
          simulated_seconds(of_part, pace.threads, threads,
                            static_cast<double>(held) / static_cast<double>(sequences));
    }
  return std::ranges::max(seconds);
}

// So many, none of which is there.
class Imagined : public Ranks {
 public:
  explicit Imagined(int64_t count) : count_(count) {}
  int64_t count() const override { return count_; }

 private:
  int64_t count_;
};

}  // namespace

double simulated_seconds(const Work& work, int measured_threads, int64_t threads, double share) {
  double sum = work.outside;
  for (const TileLoops::OfSize& loop : work.loops) {
    const auto tiles = static_cast<double>(loop.tiles);
    const double tile = loop.seconds / rounds_of(tiles, measured_threads);
    sum += tile * rounds_of(std::ceil(share * tiles), threads);
  }
  return sum;
}

Scaling Scaling::of(const Config& config, const Dataset& data, const Pace& pace, int64_t ranks,
                    int64_t threads, const Network& network) {
  const int64_t sequences = config.train.batch / config.train.accumulate;
  const Deal deal(config.train.accumulate, sequences, ranks);
  Scaling out;
  out.ranks = ranks;
  out.threads = threads;
  out.passes = longest_passes(deal, pace, threads, config.train.accumulate, sequences);
  out.rest =
      simulated_seconds(pace.rest, pace.threads, threads, 1) +
      simulated_seconds(pace.parameters, pace.threads, threads, 1 / static_cast<double>(ranks));
  if (ranks == 1) return out;
  out.sums = deal.passes();
  out.busy = deal.busy();
  const Rehearsal rehearsal(std::numeric_limits<int64_t>::max());  // draws no weights
  Transformer model(config.model, data.vocabulary(), 0);
  Imagined others(ranks);
  out.sent = Trainer(config.train, model, data, 0, others).most_sent();
  int64_t messages = 2;  // the norm and the weights
  for (const Deal::Round& round : deal.rounds) messages += Deal::deepest(round) + 1;
  out.exchange = static_cast<double>(out.sent) / network.bandwidth +
                 static_cast<double>(messages) * network.latency;
  return out;
}

}  // namespace waiver
