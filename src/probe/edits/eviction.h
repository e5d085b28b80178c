#pragma once

#include <vector>

#include "model/intervention.h"
#include "model/transformer.h"

namespace waiver {

/// The cache of keys and values of a decoder that reads a text token by token. At query i it holds
/// the last `window` tokens, including the query's own, and of those before them the first
/// `keep_first` and the positions `keep`; everything else has been evicted in all layers (Xiao et
/// al., 2309.17453, §3.2).
struct Cache {
  int64_t window = 0;
  int64_t keep_first = 0;
  std::vector<int64_t> keep = {};
  bool reindex = false;  // positions are ranks within the cache, not those of the text

  /// All positions below T that are kept permanently, ascending.
  std::vector<int64_t> kept(int64_t T) const;
};

/// Makes a causal model compute what it would with such a cache, for all queries in one pass. A key
/// or value stays as computed when its token was read; with `reindex`, only the position assigned
/// to it changes. What a mask hides stays hidden, and a slot is never evicted.
///
/// Without `reindex` the scores of evicted keys become −∞. With it, the query comes last in the
/// cache and the r-th kept key is the r-th, so that of m kept keys that have left the window it is
///   (m + window − 1) − r
/// positions away, and its score is computed anew; keys within the window stay at the same
/// distance, and their scores change only through a bias that depends on the query's own position.
/// REQUIRES: every place of a pass has its own position.
class Eviction : public Intervention {
 public:
  /// Throws UsageError where the model cannot have such a cache, or its settings contradict each
  /// other. REQUIRES: the model outlives it.
  Eviction(const Transformer& model, const Cache& cache);

  bool edits(int64_t layer, Point point) const override;
  void edit(int64_t layer, Point point, const Tensor& t) override;

 private:
  void evict(const Tensor& scores) const;
  void move_key(int64_t layer, int64_t rank, const Tensor& scores);
  void move_queries(int64_t layer, const Tensor& scores) const;
  /// A query's position within its cache.
  int64_t rank_of(int64_t query) const;

  const Transformer& model_;
  Cache cache_;
  std::vector<int64_t> kept_;
  std::vector<char> stays_;  // by position
  Tensor queries_, keys_;    // of the current block
  Arena arena_;
};

}  // namespace waiver
