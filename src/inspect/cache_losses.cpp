#include "inspect/cache_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/random.h"

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

std::string line(const std::string& cache, const CacheLosses& losses, const CacheLoss& loss,
                 double recovery) {
  std::string out = fmt::format("{:<34}", cache);
  for (double CacheLoss::*mean : {&CacheLoss::all, &CacheLoss::evicted}) {
    const double value = loss.*mean, rise = value - losses.full.*mean;
    out +=
        std::isnan(value) ? fmt::format("{:>10}{:12}", "—", "") : fmt::format("{:>10.6f}", value);
    if (!std::isnan(value))
      out += &loss == &losses.full ? fmt::format("{:12}", "") : fmt::format("{:>+12.6f}", rise);
  }
  if (!std::isnan(recovery)) out += fmt::format("{:>10.1f} %", 100.0 * recovery);
  return out.substr(0, out.find_last_not_of(' ') + 1) + "\n";
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

std::string to_text(const CacheLosses& losses) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const std::string window = fmt::format("window {}", losses.cache.window);
  std::string out = fmt::format(
      "KV cache whose positions are {}; losses in nat and their rise over the full cache\n",
      losses.cache.reindex ? "ranks within it" : "those of the text");
  const std::string late = fmt::format("queries {} … {}", losses.cache.window, losses.tokens - 1);
  out += fmt::format("{:<34}  {:<20}  {:<20}    recovery\n", "", "all targets",
                     losses.cache.window < losses.tokens ? late : "no query loses a key");
  out += line("full", losses, losses.full, none);
  out += line(window, losses, losses.window, none);
  for (const CacheLoss& loss : losses.kept)
    out += line(fmt::format("{} and {}", window, positions_text(loss.kept)), losses, loss,
                losses.recovery(loss));
  for (const CacheLoss& loss : losses.random)
    out += line(fmt::format("{} and {}, at random", window, positions_text(loss.kept)), losses,
                loss, losses.recovery(loss));
  if (losses.random.empty()) return out;
  const CacheLoss random = mean(losses.random);
  return out + line("mean of those at random", losses, random, losses.recovery(random));
}

}  // namespace waiver
