#include "study/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/text/table.h"
#include "probe/mechanism/mechanism.h"
#include "probe/prober.h"
#include "run/console.h"
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

// The time of a step, after one that warms up; a run that fails takes as long until then.
double step_seconds(Trainer& trainer, int64_t steps) try {
  constexpr double kEnough = 0.3;
  constexpr int64_t kMost = 10;
  trainer.update(0);
  double spent = 0;
  int64_t made = 0;
  for (; made < kMost && spent < kEnough; ++made)
    spent +=
        seconds_of([&] { trainer.update(std::min(made + 1, std::max<int64_t>(0, steps - 1))); });
  return spent / static_cast<double>(made);
} catch (const NotFinite&) {
  return 0;
}

int64_t probes_of(const ProbeConfig& config, const Prober& prober, int64_t steps) {
  if (config.every == 0) return 0;
  int64_t count = 0;
  for (int64_t step = 0; step <= steps; ++step) count += prober.due(step, steps);
  return count;
}

// The time until the last ends, where each starts as soon as there is room for it.
double side_by_side_seconds(const std::vector<double>& each, int64_t places) {
  std::vector<double> busy(static_cast<size_t>(places));
  for (const double seconds : each) *std::ranges::min_element(busy) += seconds;
  return *std::ranges::max_element(busy);
}

}  // namespace

Pace Pace::of(const Config& config) {
  const auto data = open_training_data(config);
  const auto seed = static_cast<uint64_t>(config.seed.data);
  Transformer model(config.model, data->vocabulary(), static_cast<uint64_t>(config.seed.init));
  Trainer trainer(config.train, model, *data, seed);
  Pace pace;
  pace.step = step_seconds(trainer, config.train.steps);
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

double Pace::seconds(const Config& config) const {
  const int64_t steps = config.train.steps, every = config.train.eval.every;
  const int64_t validations = 1 + (every > 0 ? (steps + every - 1) / every : 0);
  return static_cast<double>(steps) * step + static_cast<double>(steps + 1) * probe +
         static_cast<double>(validations) * validation + mechanisms;
}

std::string forecast_text(const Study& study, const std::vector<RunNeeds>& needs,
                          const std::vector<size_t>& runs, int64_t side_by_side, int64_t width) {
  Table table{{{Align::right}, {.wraps = true}, {Align::right}, {Align::right}, {Align::right}},
              {{"", "run", "steps", "memory", "time"}},
              0,
              true};
  std::map<std::string, Pace> paces;
  std::vector<double> seconds;
  for (const size_t i : runs) {
    const Config& config = study.runs[i].config;
    const auto [pace, fresh] = paces.try_emplace(study.runs[i].group);
    if (fresh) pace->second = Pace::of(config);
    seconds.push_back(pace->second.seconds(config));
    table.rows.push_back({std::to_string(i + 1), study.runs[i].name,
                          std::to_string(config.train.steps), memory_text(needs[i].memory.total()),
                          duration_text(seconds.back())});
  }
  if (runs.empty()) return "Every run is done already.\n";
  return to_text(table, width) + "\n" +
         folded(
             fmt::format("{} run{}, {} at a time: about {} on this machine as it is now, by a few "
                         "steps of each config.",
                         runs.size(), runs.size() == 1 ? "" : "s", side_by_side,
                         duration_text(side_by_side_seconds(seconds, side_by_side))),
             width);
}

}  // namespace waiver
