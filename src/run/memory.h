#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/files/json.h"
#include "core/ranks/ranks.h"
#include "probe/edits/edits.h"

namespace waiver {

/// `123 MiB`.
std::string memory_text(int64_t bytes);

/// The memory that a run takes at its peak, in bytes, by use.
struct MemoryUse {
  int64_t parameters = 0;   // how many numbers the model learns, not bytes
  int64_t weights = 0;      // and their gradients
  int64_t moments = 0;      // what the optimizer keeps
  int64_t activations = 0;  // of one part of the batch (batch / accumulate), forward and backward
  int64_t exchange = 0;     // sums of gradients that other ranks send
  int64_t batch = 0;        // tokens or features and targets, of training and of validation
  int64_t logits = 0;       // and their gradients, where all are there at a time
  int64_t probes = 0;       // the pass over the probe batch, and maps of snapshots
  int64_t log = 0;          // log.h5, held in memory whole, and its copy while it is written
  int64_t saving = 0;       // a checkpoint's bytes, while it is written
  int64_t loading = 0;      // or while it is read
  int64_t program = 0;      // the program with its libraries, and the data, which is already open

  int64_t total() const;
  /// What a rank takes that is not the first: it neither logs nor saves.
  int64_t others() const { return total() - log - saving; }
  /// `about 123 MiB: activations 60, moments 24, …`, the largest first.
  std::string text() const;
  /// {total, weights, moments, …, program and data}, in bytes.
  Json json() const;

 private:
  std::vector<std::pair<int64_t, std::string>> parts() const;
};

/// Estimated by rehearsing one step over shapes only (core/rehearsal.h): nothing is allocated or
/// computed. Throws TooLarge where it is more than `most`. REQUIRES: `data` is the run's, open.
/// With several ranks it is what rank 0 takes, which takes the most.
MemoryUse estimate_memory(const Config& config, const Dataset& data, int64_t most,
                          int64_t ranks = 1);

/// The same for this machine; throws UsageError, at the key that contributes the most, where the
/// run cannot fit into the memory that this process may use, or its ranks that are here, rank 0
/// among them, into what they may use together.
MemoryUse require_memory(const Config& config, const Dataset& data,
                         const Ranks& ranks = no_other_ranks());

/// What a saved model is loaded for, besides single sequences: one after the other.
struct Reading {
  int64_t checkpoint = 0;  // bytes that its files take while they are read (train/checkpoint.h)
  bool validates = false;  // and takes a task's risks
  bool measures = false;   // the metrics of training
  bool probes = false;     // every metric
  bool mechanism = false;
  bool captures = false;  // every point of a pass over the probe batch, and its file
  std::vector<std::vector<EditConfig>> arms = {};  // the metrics of training under such edits

  bool needs_data() const { return validates || measures || probes || mechanism || captures; }
};
/// The same for a saved model: what the part that takes the most takes, without what only training
/// needs.
MemoryUse estimate_memory(const Config& config, const Dataset& data, const Reading& reading,
                          int64_t most);
MemoryUse require_memory(const Config& config, const Dataset& data, const Reading& reading);

/// The same for a published model that is saved as a run's.
MemoryUse estimate_import(const Config& config, int64_t vocabulary, int64_t most);
MemoryUse require_import(const Config& config, int64_t vocabulary);

/// `Memory: about 123 MiB: …`, as a notice (core/output.h); `of` says of what.
void tell(const MemoryUse& memory, const std::string& of = {});

}  // namespace waiver
