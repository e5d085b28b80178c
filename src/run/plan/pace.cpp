#include "run/plan/pace.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/statistics/order.h"
#include "probe/mechanism/mechanism.h"
#include "probe/prober.h"
#include "train/trainer.h"
#include "train/validation.h"

namespace waiver {
namespace {

template <class F>
double seconds_of(const F& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

// The median time of a step, after two that warm up; a run that fails takes as long until then.
double step_seconds(Trainer& trainer, int64_t steps, double enough) try {
  std::vector<double> each;
  double spent = 0;
  for (int64_t made = 0; spent < enough || each.size() < 2; ++made) {
    const int64_t step = std::min(made, std::max<int64_t>(0, steps - 1));
    const double seconds = seconds_of([&] { trainer.update(step); });
    if (made < 2) continue;
    each.push_back(seconds);
    spent += seconds;
  }
  return each[median_index(each)];
} catch (const NotFinite&) {
  return 0;
}

int64_t probes_of(const ProbeConfig& config, const Prober& prober, int64_t steps) {
  if (config.every == 0) return 0;
  int64_t count = 0;
  for (int64_t step = 0; step <= steps; ++step) count += prober.due(step, steps);
  return count;
}

}  // namespace

Pace Pace::of(const Config& config, double seconds) {
  const auto data = open_training_data(config);
  const auto seed = static_cast<uint64_t>(config.seed.data);
  Transformer model(config.model, data->vocabulary(), static_cast<uint64_t>(config.seed.init));
  Trainer trainer(config.train, model, *data, seed);
  Pace pace;
  pace.step = step_seconds(trainer, config.train.steps, seconds);
  const int64_t part = std::max<int64_t>(1, config.train.batch / config.train.accumulate);
  const int64_t sequences = train_coverage(config.train, *data, config.model.context).sequences;
  const int64_t some = std::min(part, sequences);
  if (some > 0)
    pace.validation = seconds_of([&] {
                        validation_loss(model, *data, {seed, some, part}, trainer.arena());
                      }) *
                      static_cast<double>(sequences) / static_cast<double>(some);
  Prober prober(model, *data, config.probe, seed);
  const int64_t probes = probes_of(config.probe, prober, config.train.steps);
  if (probes > 0)
    pace.probe = seconds_of([&] { prober.measure(); }) * static_cast<double>(probes) /
                 static_cast<double>(config.train.steps + 1);
  const int64_t questions = std::ranges::count_if(
      config.probe.mechanism, [&](int64_t step) { return step <= config.train.steps; });
  if (questions > 0) {
    Prober own(model, *data, config.probe, seed, When::always);
    pace.mechanisms = static_cast<double>(questions) *
                      seconds_of([&] { find_mechanism(model, own, config.probe.waiver); });
  }
  return pace;
}

int64_t Pace::validations(const Config& config) {
  const int64_t steps = config.train.steps, every = config.train.eval.every;
  return 1 + (every > 0 ? (steps + every - 1) / every : 0);
}

double Pace::seconds(const Config& config) const {
  const auto steps = static_cast<double>(config.train.steps);
  return steps * step + (steps + 1) * probe +
         static_cast<double>(validations(config)) * validation + mechanisms;
}

}  // namespace waiver
