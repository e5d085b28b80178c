#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <optional>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "core/text/table.h"
#include "inspect/cache_losses.h"
#include "inspect/saved.h"
#include "probe/prober.h"
#include "train/validation.h"

namespace waiver {
namespace {

struct EvalCall {
  Target target;
  std::optional<int64_t> context;
  Cache cache;
  bool evict = false, json = false;
};

/// What `eval` measures.
struct Evaluation {
  double loss = 0;
  std::string covers;                                 // what part of the validation data
  std::vector<std::pair<std::string, double>> risks;  // of a task
  std::optional<CacheLosses> evicted;
};

std::vector<std::pair<std::string, double>> risks_of(const SavedModel& saved, uint64_t seed) {
  Prober prober(*saved.model, *saved.data, saved.config.probe, seed);
  prober.measure();
  std::vector<std::pair<std::string, double>> risks;
  for (const auto& [name, values] : prober.values())
    if (name.ends_with("_risk") || name == "max_error") risks.emplace_back(name, values->front());
  return risks;
}

Evaluation measure(const SavedModel& saved, const EvalCall& options) {
  const auto seed = static_cast<uint64_t>(saved.config.seed.data);
  const TrainConfig& train = saved.config.train;
  const Coverage covers = full_coverage(train, *saved.data, saved.config.model.context);
  const Validation validation = {seed, covers.sequences, train.batch / train.accumulate};
  Evaluation out;
  out.covers = covers.text();
  if (options.evict)
    out.evicted = measure_cache_losses(*saved.model, *saved.data, options.cache, validation);
  Arena arena;
  out.loss = validation_loss(*saved.model, *saved.data, validation, arena);
  if (!std::isfinite(out.loss))
    throw Error(saved.checkpoint.string(), "its validation loss is NaN or infinite");
  if (saved.data->is_task() || saved.data->features() > 0) out.risks = risks_of(saved, seed);
  return out;
}

void print_text(const SavedModel& saved, const Evaluation& found) {
  const auto row = [&](const std::string& name, double value, const std::string& of) {
    return std::vector<Cell>{name, fmt::format("{}  ({})", loss_text(value, *saved.data), of)};
  };
  Table table{{{Align::left, 16}, {.wraps = true}},
              {row("validation loss", found.loss, found.covers)}};
  for (const auto& [name, value] : found.risks)
    table.rows.push_back(row(name, value, fmt::format("{} sequences", saved.config.probe.batch)));
  print_result("{} (step {})\n", saved.checkpoint.string(), saved.step);
  print_result(to_text(table, terminal_width()));
  if (found.evicted) print_result("\n{}", to_text(*found.evicted, terminal_width()));
}

Json as_json(const SavedModel& saved, const Evaluation& found) {
  Json out = {{"checkpoint", saved.checkpoint.string()},
              {"step", saved.step},
              {"validation_loss", json_number(found.loss)},
              {"units", loss_units(*saved.data)},
              {"covers", found.covers}};
  for (const auto& [name, value] : found.risks) out[name] = json_number(value);
  if (!found.risks.empty()) out["risk_sequences"] = saved.config.probe.batch;
  if (found.evicted) out["cache"] = to_json(*found.evicted);
  return out;
}

void evaluate(const EvalCall& options) {
  std::vector<std::string> overrides = options.target.overrides;
  if (options.context) overrides.push_back(fmt::format("model.context={}", *options.context));
  require_run(options.target.path, "eval");
  const SavedModel saved = load_saved(options.target.path, overrides, {.validates = true});
  if (saved.config.model.output.kind == OutputKind::hidden)
    throw UsageError(
        saved.checkpoint.string(),
        "this model has no output layer (model.output.kind: hidden), so it has no loss",
        "waiver probe measures everything else.");
  const Evaluation found = measure(saved, options);
  options.json ? print_json(as_json(saved, found)) : print_text(saved, found);
}

}  // namespace

void add_eval(Verb& program) {
  Verb verb = program.add("eval", "Validation loss and task risks of a trained model");
  auto options = std::make_shared<EvalCall>();
  add_target(verb, options->target, "run", "a run directory or a checkpoint folder");
  verb.add("--context", options->context,
           "tokens of a sequence, instead of model.context; more than the model was "
           "trained with only where positions are not added to the embeddings")
      .type("T");
  Option window = verb.add("--window", options->cache.window,
                           "evict keys and values older than the last W tokens, and compare "
                           "with the full cache")
                      .type("W");
  verb.add("--keep-first", options->cache.keep_first,
           "the first N tokens stay in the cache besides the window")
      .type("N")
      .needs(window);
  verb.add("--keep", options->cache.keep,
           "positions that stay in the cache besides the window, as 0,10; as many others at random "
           "serve as the control")
      .type("POSITIONS")
      .separated_by_commas()
      .needs(window);
  verb.add("--reindex", options->cache.reindex,
           "positions are ranks within the cache, instead of positions in the text (Xiao et al., "
           "2309.17453)")
      .needs(window);
  add_threads(verb);
  add_json(verb, options->json);
  verb.runs([options, window] {
    options->evict = window.given();
    evaluate(*options);
  });
}

}  // namespace waiver
