#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/torch_step.h"
#include "bench/workloads.h"

namespace waiver {

struct BenchOptions {
  int64_t rounds = 5;
  double round_seconds = 0.5;  // steps fill a round up to this; at least one
  std::string python = {};     // whose PyTorch is timed too; empty: none
};

/// One row of where a step's time goes.
struct BenchRow {
  std::string name;
  double forward_ms = 0, backward_ms = 0, around_ms = 0;
  int64_t fewest_tiles = 0;          // of the loop over tiles that has the fewest; 0: no loop
  double microseconds_per_tile = 0;  // of one thread's work
  double total_ms() const { return forward_ms + backward_ms + around_ms; }
};

/// Medians over rounds; the rows are those of the round with the median step, and add up to that
/// step.
struct BenchResult {
  Workload workload;
  int threads = 0;
  int64_t rounds = 0, steps_per_round = 0;
  double ms_per_step = 0, tokens_per_second = 0;
  double useful_gflops = 0;                   // useful FLOPs per second
  double peak_gflops = 0, share_of_peak = 0;  // of products of the workload's precision
  double serial_share = 0;                    // of the step, outside loops over tiles
  double few_tiles_share = 0;                 // of the step, in loops of fewer than 64 tiles
  int64_t parameter_bytes = 0;                // weights and gradients
  int64_t optimizer_bytes = 0;
  int64_t arena_bytes = 0;  // activations and their gradients
  int64_t peak_resident_bytes = 0;
  std::vector<BenchRow> rows;
  std::optional<double> probe_ms;     // one probe with every metric
  std::optional<double> probe_share;  // of a run that probes every 10 steps
  /// A step's time relative to one without the switch, or in float32.
  std::optional<double> plain_ratio;
  /// PyTorch's steps, and how many of this program's fit into the faster of them.
  struct Torch {
    TorchSetup setup;
    double eager_ms = 0;
    std::optional<double> compiled_ms = {};
    double best_ms = 0, ratio = 0;
  };
  std::optional<Torch> torch;
};

/// Trains a workload for some rounds; each consists of a few matrix products, training steps, and,
/// where asked for, a probe and PyTorch's steps.
BenchResult measure(const Workload& workload, const BenchOptions& options);

/// Throws UsageError where something other than such a file is at `path`, or nothing can be written
/// there.
void check_results_file(const std::string& path);
/// {machine: {…}, results: [{…}]}: every figure.
std::string results_json(const std::vector<BenchResult>& results);

}  // namespace waiver
