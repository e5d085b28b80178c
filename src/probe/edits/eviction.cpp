#include "probe/edits/eviction.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

void check_model(const ModelConfig& config, const Cache& cache) {
  const Mask& mask = *config.attention.mask;
  if (mask.sees_future() || mask.prefix() > 1)
    throw UsageError("model.attention.mask",
                     "queries see later tokens, so nothing could be evicted before all are read",
                     "Eviction needs a causal mask, with a prefix of at most 1.");
  if (config.sink_tokens > 0)
    throw UsageError("model.sink_tokens",
                     "a cache that evicts is not simulated for models with sink tokens",
                     "They are always kept, as --keep-first keeps tokens of the text.");
  for (int64_t l = 0; l < config.layers && cache.reindex; ++l)
    if (const Kind<PositionEncoding>& encoding = config.position.of_layer(l);
        adds_vectors(encoding->acts()))
      throw UsageError(
          "reindex",
          fmt::format("{} adds positions to the embeddings, or to the input of attention, so they "
                      "are part of the cached keys and values and cannot change",
                      encoding.name()),
          "Evict without it, or use an encoding of queries and keys, such as rope, or none.");
}

void check_cache(const Cache& cache, int64_t T) {
  if (cache.window < 1)
    throw UsageError("window", fmt::format("{} tokens are too few", cache.window),
                     "The query's own key is always there: give 1 or more.");
  if (cache.keep_first < 0)
    throw UsageError("keep_first", fmt::format("{} is not a number of tokens", cache.keep_first),
                     "0 keeps none.");
  for (size_t at = 0; at < cache.keep.size(); ++at) {
    const int64_t k = cache.keep[at];
    if (k < 0 || k >= T)
      throw UsageError("keep", fmt::format("position {} is outside the text", k),
                       fmt::format("Positions are 0 … {}.", T - 1));
    if (k < cache.keep_first)
      throw UsageError("keep", fmt::format("position {} is kept already", k),
                       fmt::format("It is one of the first {}.", cache.keep_first));
    if (std::count(cache.keep.begin(), cache.keep.end(), k) > 1)
      throw UsageError("keep", fmt::format("position {} is named twice", k));
    if (cache.window >= T - k)
      throw UsageError(
          "keep", fmt::format("position {} never leaves the window of {} tokens", k, cache.window),
          fmt::format("A sequence has {}: keep positions below {}, or lower the window.", T,
                      std::max<int64_t>(0, T - cache.window)));
  }
}

}  // namespace

std::vector<int64_t> Cache::kept(int64_t T) const {
  std::vector<int64_t> out(std::min(keep_first, T));
  std::iota(out.begin(), out.end(), 0);
  out.insert(out.end(), keep.begin(), keep.end());
  std::sort(out.begin(), out.end());
  return out;
}

Eviction::Eviction(const Transformer& model, const Cache& cache) : model_(model), cache_(cache) {
  const int64_t T = model.config().context;
  check_model(model.config(), cache);
  check_cache(cache, T);
  cache_.window = std::min(cache.window, T);
  kept_ = cache.kept(T);
  stays_.assign(T, 0);
  for (const int64_t k : kept_) stays_[k] = 1;
}

bool Eviction::edits(int64_t, Point point) const {
  if (point == Point::attn_q || point == Point::attn_k) return cache_.reindex;
  return point == Point::attn_scores;
}

void Eviction::edit(int64_t layer, Point point, const Tensor& t) {
  if (point == Point::attn_q) queries_ = t;
  if (point == Point::attn_k) keys_ = t;
  if (point != Point::attn_scores) return;
  evict(t);
  if (!cache_.reindex || model_.encoding(layer).acts() != Acts::in_attention) return;
  for (int64_t rank = 0; rank < std::ssize(kept_); ++rank) move_key(layer, rank, t);
  move_queries(layer, t);
}

void Eviction::evict(const Tensor& scores) const {
  const int64_t T = scores.dim(2), W = cache_.window;
  parallel_tiles(scores.size() / (T * T), [&](int64_t head) {
    for (int64_t i = W; i < T; ++i) {
      float* row = scores.data + (head * T + i) * T;
      for (int64_t j = 0; j <= i - W; ++j)
        if (!stays_[j]) row[j] = kHidden;
    }
  });
}

int64_t Eviction::rank_of(int64_t query) const {
  if (query < cache_.window) return query;
  const auto left = std::upper_bound(kept_.begin(), kept_.end(), query - cache_.window);
  return (left - kept_.begin()) + cache_.window - 1;
}

// The scores of one kept key, for the queries whose window it has left and to which it moves
// closer.
void Eviction::move_key(int64_t layer, int64_t rank, const Tensor& scores) {
  const int64_t B = scores.dim(0), H = scores.dim(1), T = scores.dim(2), C = keys_.dim(1);
  const int64_t key = kept_[rank], first = key + cache_.window, n = T - first, D = C / H;
  if (n <= 0) return;
  // By how much the key moves closer.
  std::vector<int32_t> moved_by(n);
  for (int64_t i = first; i < T; ++i)
    moved_by[i - first] = static_cast<int32_t>((i - key) - (rank_of(i) - rank));
  // The key once for each query; rotations by successive positions add up.
  arena_.reset();
  Tape tape(arena_, false);
  const Variable turned{arena_.zeros({B * n, 3 * C}), {}};
  for (int64_t row = 0; row < B * n; ++row)
    std::copy_n(keys_.row(row / n * T + key), C, turned.value.row(row) + C);
  const PositionEncoding& encoding = model_.encoding(layer);
  encoding.rotate(tape, turned, moved_by);

  const float scale = model_.config().score_scale();
  parallel_tiles(B * H, [&](int64_t index) {
    const int64_t b = index / H, h = index % H;
    for (int64_t at = 0; at < n; ++at) {
      float& score = scores.data[(index * T + first + at) * T + key];
      if (moved_by[at] == 0 || score == kHidden) continue;
      const float* q = queries_.row(b * T + first + at) + h * D;
      const float* k = turned.value.row(b * n + at) + C + h * D;
      score = scale * std::inner_product(q, q + D, k, 0.0f);
      const auto query = static_cast<int32_t>(rank_of(first + at)),
                 stands = static_cast<int32_t>(rank);
      if (const ScoreBias* bias = encoding.bias()) bias->add(h, query, &stands, &score, 1);
    }
  });
}

// The scores of keys at an unchanged distance, where a bias also depends on the query's position.
void Eviction::move_queries(int64_t layer, const Tensor& scores) const {
  const ScoreBias* bias = model_.encoding(layer).bias();
  if (!bias) return;
  const int64_t H = scores.dim(1), T = scores.dim(2), W = cache_.window;
  parallel_tiles(scores.dim(0) * H, [&](int64_t index) {
    for (int64_t i = W; i < T; ++i) {
      const auto query = static_cast<int32_t>(i), stands = static_cast<int32_t>(rank_of(i));
      const int32_t moved_by = query - stands;
      if (moved_by == 0) continue;
      std::vector<int32_t> keys(W), moved;
      std::iota(keys.begin(), keys.end(), static_cast<int32_t>(i - W + 1));
      for (int64_t rank = 0; rank < std::ssize(kept_) && kept_[rank] <= i - W; ++rank)
        if (kept_[rank] - rank == moved_by) keys.push_back(static_cast<int32_t>(kept_[rank]));
      for (const int32_t key : keys) moved.push_back(key - moved_by);
      std::vector<float> was(keys.size()), is(keys.size());
      bias->add(index % H, query, keys.data(), was.data(), std::ssize(keys));
      bias->add(index % H, stands, moved.data(), is.data(), std::ssize(keys));
      float* row = scores.data + (index * T + i) * T;
      for (size_t at = 0; at < keys.size(); ++at)
        if (is[at] != was[at] && row[keys[at]] != kHidden) row[keys[at]] += is[at] - was[at];
    }
  });
}

}  // namespace waiver
