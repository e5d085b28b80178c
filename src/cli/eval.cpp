#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/options.h"
#include "cli/verbs.h"
#include "experiment/saved.h"
#include "probe/prober.h"
#include "train/trainer.h"

namespace waiver {
namespace {

// The whole validation part where there is an end to it, else train.eval.batches batches.
int64_t validation_batches(const SavedModel& saved, int64_t batch) {
  const int64_t windows = saved.data->validation_windows(saved.config.model.context);
  return windows > 0 ? std::max<int64_t>(1, windows / batch) : saved.config.train.eval.batches;
}

void evaluate(const Target& target) {
  const SavedModel saved = load_saved(target.path, target.overrides);
  const auto seed = static_cast<uint64_t>(saved.config.seed.data);
  int64_t batch = saved.config.train.batch / saved.config.train.accumulate;
  if (const int64_t windows = saved.data->validation_windows(saved.config.model.context))
    batch = std::min(batch, windows);
  const int64_t batches = validation_batches(saved, batch);
  Arena arena;
  const double loss = validation_loss(*saved.model, *saved.data, seed, batch, batches, arena);
  fmt::print("{} (step {})\n", saved.checkpoint.string(), saved.step);
  const bool features = saved.data->features() > 0;
  const auto print = [&](const std::string& name, double value, const std::string& of) {
    fmt::print("{:<18}{:.6f}{}  ({})\n", name, value, features ? "" : " nat", of);
  };
  print("validation loss", loss,
        fmt::format("{} sequences of {}", batch * batches, saved.config.model.context));
  if (!saved.data->is_task() && !features) return;
  Prober prober(*saved.model, *saved.data, saved.config.probe, seed);
  prober.measure();
  for (const auto& [name, values] : prober.values())
    if (name.ends_with("_risk") || name == "max_error")
      print(name, values->front(), fmt::format("{} sequences", saved.config.probe.batch));
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("eval", "Validation loss and task risks of a trained model");
  auto target = std::make_shared<Target>();
  add_target(*verb, *target, "run", "a run directory or a checkpoint folder");
  add_threads(*verb);
  verb->callback([target] { evaluate(*target); });
}

}  // namespace waiver
