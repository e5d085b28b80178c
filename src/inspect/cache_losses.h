#pragma once

#include <string>
#include <vector>

#include "core/files/json.h"
#include "data/dataset.h"
#include "probe/edits/eviction.h"
#include "train/validation.h"

namespace waiver {

/// Mean validation losses of a model that keeps these positions besides its window, in nats.
struct CacheLoss {
  std::vector<int64_t> kept;
  double all = 0;      // over all targets
  double evicted = 0;  // over those of queries i ≥ window, for which the window alone has lost
                       // keys; NaN where there are none
};

/// What eviction costs a model, and how much of that the kept positions recover.
struct CacheLosses {
  Cache cache;
  int64_t tokens = 0;             // T of the sequences
  CacheLoss full;                 // nothing evicted
  CacheLoss window;               // nothing kept
  std::vector<CacheLoss> kept;    // the positions asked for; empty where none were
  std::vector<CacheLoss> random;  // as many others, drawn at random; empty where too few are left

  /// (loss_window − loss) ÷ (loss_window − loss_full); NaN unless the window alone costs something.
  /// The same over all targets as over `evicted`, since other queries lose nothing.
  double recovery(const CacheLoss& loss) const;
};

/// Runs the model once for each cache, over the sequences of `validation`, fewer at a time where
/// their maps would take too much memory. The random positions are a function of the seed, and all
/// would otherwise be evicted. Throws as Eviction does.
CacheLosses measure_cache_losses(const Transformer& model, const Dataset& data, const Cache& cache,
                                 const Validation& validation);

/// A table with a line for each cache: both losses, their rise over the full cache, the recovery.
/// Fitted to `width` as by Table's to_text.
std::string to_text(const CacheLosses& losses, int64_t width = 0);

/// {window, reindex, tokens, caches: [{cache, kept, all, evicted, recovery}]}; cache: full, window,
/// kept or random.
Json to_json(const CacheLosses& losses);

}  // namespace waiver
