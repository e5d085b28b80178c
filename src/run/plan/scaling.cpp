#include "run/plan/scaling.h"

#include <algorithm>
#include <cmath>

#include "model/transformer.h"
#include "train/deal.h"

namespace waiver {
namespace {

double rounds_of(double tiles, int64_t threads) {
  return std::ceil(std::max(1.0, tiles) / static_cast<double>(threads) - 1e-9);
}

// The share of the whole batch that the busiest rank's passes hold.
double busiest_share(const Deal& deal, int64_t accumulate, int64_t sequences) {
  const BatchShare whole{sequences, 0, 0};
  std::vector<int64_t> held(deal.ranks);
  for (const Deal::Round& round : deal.rounds)
    for (const Deal::Pass& pass : round)
      held[pass.rank] += whole.sequence(pass.first + pass.count) - whole.sequence(pass.first);
  return static_cast<double>(std::ranges::max(held)) / static_cast<double>(accumulate * sequences);
}

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
  const double share = busiest_share(deal, config.train.accumulate, sequences);
  out.passes = simulated_seconds(pace.passes, pace.threads, threads, share);
  out.rest =
      simulated_seconds(pace.rest, pace.threads, threads, 1) +
      simulated_seconds(pace.parameters, pace.threads, threads, 1 / static_cast<double>(ranks));
  if (ranks == 1) return out;
  out.sums = deal.passes();
  out.sent =
      deal.most_sent(Transformer(config.model, data.vocabulary(), 0).parameters().values().size());
  int64_t messages = 2;  // the norm and the weights
  for (const Deal::Round& round : deal.rounds) messages += Deal::deepest(round) + 1;
  out.exchange = static_cast<double>(out.sent) / network.bandwidth +
                 static_cast<double>(messages) * network.latency;
  return out;
}

}  // namespace waiver
