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

// The median of three times after the first, which also lays out memory; the first alone where it
// takes more than enough.
template <class F>
double warm_seconds_of(double enough, const F& work) {
  const double first = seconds_of(work);
  if (first > enough) return first;
  std::vector<double> each(3);
  for (double& seconds : each) seconds = seconds_of(work);
  return median(each);
}

// Adds the mean over so many steps.
void add(const Profile::Entry& entry, int64_t steps, Work& to) {
  const auto count = static_cast<double>(steps);
  to.outside += (entry.seconds - entry.loops.seconds) / count;
  for (const TileLoops::OfSize& loop : entry.loops.sizes)
    to.loops.push_back(
        {loop.tiles, std::max<int64_t>(1, loop.count / steps), loop.seconds / count});
}

// The median time of a step, after two that warm up, and its pieces.
double step_seconds(Trainer& trainer, int64_t steps, double enough, Pace& pace) {
  std::vector<double> each;
  Profile profile;
  double spent = 0;
  for (int64_t made = 0; spent < enough || each.size() < 2; ++made) {
    const int64_t step = std::min(made, std::max<int64_t>(0, steps - 1));
    if (made == 2) trainer.set_profile(&profile);
    const double seconds = seconds_of([&] { trainer.update(step); });
    if (made < 2) continue;
    each.push_back(seconds);
    spent += seconds;
  }
  trainer.set_profile(nullptr);
  for (const Profile::Entry& entry : profile.entries()) {
    const bool passes = entry.pass != Profile::around || entry.name == "zero_grads";
    const bool parameters = entry.name == "grad_norm" || entry.name == "optimizer";
    add(entry, std::ssize(each), passes ? pace.passes : parameters ? pace.parameters : pace.rest);
  }
  return each[median_index(each)];
}

int64_t probes_of(const ProbeConfig& config, const Prober& prober, int64_t steps) {
  if (config.every == 0) return 0;
  int64_t count = 0;
  for (int64_t step = 0; step <= steps; ++step) count += prober.due(step, steps);
  return count;
}

}  // namespace

double Work::seconds() const {
  double sum = outside;
  for (const TileLoops::OfSize& loop : loops) sum += loop.seconds;
  return sum;
}

Pace Pace::of(const Config& config, double seconds) {
  const auto data = open_training_data(config);
  const auto seed = static_cast<uint64_t>(config.seed.data);
  Transformer model(config.model, data->vocabulary(), static_cast<uint64_t>(config.seed.init));
  Trainer trainer(config.train, model, *data, seed);
  Pace pace;
  pace.step = step_seconds(trainer, config.train.steps, seconds, pace);
  pace.threads = waiver::threads();
  const int64_t part = std::max<int64_t>(1, config.train.batch / config.train.accumulate);
  const int64_t sequences = train_coverage(config.train, *data, config.model.context).sequences;
  const int64_t some = std::min(part, sequences);
  if (some > 0)
    pace.validation =
        warm_seconds_of(seconds,
                        [&] {
                          validation_loss(model, *data, {seed, some, part}, trainer.arena());
                        }) *
        static_cast<double>(sequences) / static_cast<double>(some);
  Prober prober(model, *data, config.probe, seed);
  const int64_t probes = probes_of(config.probe, prober, config.train.steps);
  if (probes > 0)
    pace.probe = warm_seconds_of(seconds, [&] { prober.measure(); }) * static_cast<double>(probes) /
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
