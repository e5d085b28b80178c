#pragma once

#include "run/plan/pace.h"

namespace waiver {

/// What connects machines: how long a message takes to arrive, and how much a machine sends and
/// receives a second at a time.
struct Network {
  double latency = 50e-6;     // s
  double bandwidth = 1.25e9;  // bytes/s: 10 Gbit/s
};

/// What a number of ranks, each on a machine of its own like this one, would take for a step and
/// give, by simulation. A loop of n tiles takes p threads ⌈n / p⌉ times as long as one tile, as
/// measured; the time outside loops stays as it is. A rank's passes have its share of the tiles;
/// what is done for every parameter is divided by the ranks; every pass of a round ends with an
/// exchange, and so do a round, the norm and the update. What is not in it: threads that wait for
/// memory or share a machine, and ranks that wait for the slowest.
struct Scaling {
  int64_t ranks = 1;
  int64_t threads = 1;  // of each
  double passes = 0;    // seconds of a step: forward and backward
  double rest = 0;      // the batch, the optimizer, the norm
  double exchange = 0;  // on the network
  int64_t sums = 1;     // of gradients, in a step
  int64_t sent = 0;     // bytes that a rank sends in a step, at the most
  int64_t busy = 1;     // ranks that have something to compute
  int64_t memory = 0;   // bytes of rank 0, which also saves
  int64_t others = 0;   // of another rank

  double step() const { return passes + rest + exchange; }
  /// All but memory and others. REQUIRES: `data` is the config's.
  static Scaling of(const Config& config, const Dataset& data, const Pace& pace, int64_t ranks,
                    int64_t threads, const Network& network);
};

/// How long `share` of a piece of work takes p threads.
double simulated_seconds(const Work& work, int measured_threads, int64_t threads, double share);

}  // namespace waiver
