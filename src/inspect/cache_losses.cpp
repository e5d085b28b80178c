#include "inspect/cache_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/random.h"
#include "core/text/table.h"

namespace waiver {
namespace {

constexpr int64_t kDraws = 5;

// `count` of these positions, ascending.
std::vector<int64_t> draw(std::vector<int64_t> from, int64_t count, const Random& random) {
  for (int64_t i = 0; i < count; ++i)
    std::swap(from[i], from[i + random.below(i, std::ssize(from) - i)]);
  from.resize(count);
  std::sort(from.begin(), from.end());
  return from;
}

// How many sequences may pass at once: the maps of all blocks stay below 128 MiB, or hold one
// sequence.
int64_t part_size(const ModelConfig& config) {
  constexpr int64_t most = int64_t{1} << 24;
  return std::max<int64_t>(1,
                           most / (config.layers * config.heads * config.context * config.context));
}

CacheLoss mean(const std::vector<CacheLoss>& losses) {
  CacheLoss out;
  for (const CacheLoss& loss : losses) {
    out.all += loss.all / static_cast<double>(losses.size());
    out.evicted += loss.evicted / static_cast<double>(losses.size());
  }
  return out;
}

// Ascending positions as `0 … 3, 10`, or their count.
std::string positions_text(const std::vector<int64_t>& positions) {
  std::string text;
  size_t runs = 0;
  for (size_t begin = 0, end; begin < positions.size(); begin = end, ++runs) {
    for (end = begin + 1; end < positions.size() && positions[end] == positions[end - 1] + 1;)
      ++end;
    text += (begin > 0 ? ", " : "") + std::to_string(positions[begin]);
    if (end - begin > 1) text += " … " + std::to_string(positions[end - 1]);
  }
  return runs > 4 ? fmt::format("{} positions", positions.size()) : text;
}

std::vector<Cell> row_of(const std::string& cache, const CacheLosses& losses,
                         const CacheLoss& loss) {
  std::vector<Cell> row = {cache};
  for (double CacheLoss::*mean : {&CacheLoss::all, &CacheLoss::evicted}) {
    const double value = loss.*mean, rise = value - losses.full.*mean;
    const bool rises = &loss != &losses.full && !std::isnan(value);
    row.emplace_back(std::isnan(value) ? "—" : number_cell(value, 6));
    row.emplace_back(rises ? number_cell(rise, 6, true) : "");
  }
  const double recovery = losses.recovery(loss);
  const bool full_or_window = &loss == &losses.full || &loss == &losses.window;
  if (!full_or_window && !std::isnan(recovery))
    row.emplace_back(fmt::format("{:.1f} %", 100.0 * recovery));
  return row;
}

}  // namespace

double CacheLosses::recovery(const CacheLoss& loss) const {
  const double cost = window.evicted - full.evicted;
  return cost > 0 ? (window.evicted - loss.evicted) / cost
                  : std::numeric_limits<double>::quiet_NaN();
}

CacheLosses measure_cache_losses(const Transformer& model, const Dataset& data, const Cache& cache,
                                 const Validation& validation) {
  const int64_t T = model.config().context;
  Arena arena;
  const auto loss = [&](Intervention* change, std::vector<int64_t> kept) {
    const int64_t first[] = {0, cache.window};
    Validation how = validation;
    how.part = std::min(how.part, part_size(model.config()));
    how.intervention = change;
    const std::vector<double> losses = validation_losses(model, data, how, first, arena);
    return CacheLoss{std::move(kept), losses[0], losses[1]};
  };
  const auto with = [&](const Cache& which) {
    Eviction eviction(model, which);
    return loss(&eviction, which.kept(T));
  };
  const auto keeping = [&](std::vector<int64_t> positions) {
    return with({cache.window, 0, std::move(positions), cache.reindex});
  };

  const Eviction checked(model, cache);
  CacheLosses out{cache, T, loss(nullptr, {}), keeping({}), {}, {}};
  const std::vector<int64_t> kept = cache.kept(T);
  if (kept.empty()) return out;
  out.kept.push_back(with(cache));
  std::vector<int64_t> others;
  for (int64_t t = 0; t + cache.window < T; ++t)
    if (!std::binary_search(kept.begin(), kept.end(), t)) others.push_back(t);
  if (std::size(others) < std::size(kept)) return out;
  for (int64_t i = 0; i < kDraws; ++i)
    out.random.push_back(
        keeping(draw(others, std::ssize(kept), Random(validation.seed, "kept at random", i))));
  return out;
}

std::string to_text(const CacheLosses& losses, int64_t width) {
  const std::string window = fmt::format("window {}", losses.cache.window);
  const std::string late = fmt::format("queries {} … {}", losses.cache.window, losses.tokens - 1);
  constexpr Align right = Align::right;
  Table table;
  table.columns = {{.width = 34, .wraps = true},
                   {right, 8},
                   {right, 10},
                   {right, 8},
                   {right, 10},
                   {right, 8, 4}};
  table.rows = {{"",
                 {"all targets", 2},
                 {losses.cache.window < losses.tokens ? late : "no query loses a key", 2},
                 "recovery"},
                row_of("full", losses, losses.full),
                row_of(window, losses, losses.window)};
  for (const CacheLoss& loss : losses.kept)
    table.rows.push_back(
        row_of(fmt::format("{} and {}", window, positions_text(loss.kept)), losses, loss));
  for (const CacheLoss& loss : losses.random)
    table.rows.push_back(row_of(
        fmt::format("{} and {}, at random", window, positions_text(loss.kept)), losses, loss));
  if (!losses.random.empty())
    table.rows.push_back(row_of("mean of those at random", losses, mean(losses.random)));
  return folded(
             fmt::format("KV cache whose positions are {}; losses in nat and their rise over the "
                         "full cache",
                         losses.cache.reindex ? "ranks within it" : "those of the text"),
             width) +
         to_text(table, width);
}

Json to_json(const CacheLosses& losses) {
  Json out = {{"window", losses.cache.window},
              {"reindex", losses.cache.reindex},
              {"tokens", losses.tokens},
              {"caches", Json::array()}};
  const auto add = [&](const char* cache, const CacheLoss& loss) {
    out["caches"].push_back({{"cache", cache},
                             {"kept", loss.kept},
                             {"all", json_number(loss.all)},
                             {"evicted", json_number(loss.evicted)},
                             {"recovery", json_number(losses.recovery(loss))}});
  };
  add("full", losses.full);
  add("window", losses.window);
  for (const CacheLoss& loss : losses.kept) add("kept", loss);
  for (const CacheLoss& loss : losses.random) add("random", loss);
  return out;
}

}  // namespace waiver
