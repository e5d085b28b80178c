#include "run/run_log.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/products/gemm.h"
#include "probe/events/event.h"
#include "probe/mechanism/series.h"
#include "probe/roles.h"

namespace waiver {
namespace {

// Checks an existing log.
void check_own(const Log& log, const LogStart& start) {
  if (!log.identity().empty() && log.identity() != start.identity)
    throw UsageError(
        log.path().string(), "this log belongs to another run",
        "Put the run's own log back, or move this one away and the checkpoints with it.");
}

void check_rows(const Log& log, const LogStart& start) {
  if (start.digest.empty() || log.digest(start.step) == start.digest) return;
  const auto steps = log.steps("train");
  const std::string what =
      steps.empty() ? "it has no rows" : fmt::format("its last row is of step {}", steps.back());
  throw UsageError(log.path().string(),
                   fmt::format("its rows before step {} are not those that the checkpoint of that "
                               "step was saved with ({}), so it is older, or of another run",
                               start.step, what),
                   "Put back the log that belongs to the checkpoint, or --overwrite the run.");
}

constexpr char kPrecision[] = "precision", kUnit[] = "bfloat16_unit", kFrom[] = " from step ";

// Notes that the log goes on with this machine's unit from `step` on. Returns the one before, where
// that is another.
std::string continue_with_unit(Log& log, int64_t step) {
  const std::string record = log.attribute(kUnit), unit = to_text(bfloat16_unit());
  std::string kept, last;  // of what was noted for the steps that stay
  for (size_t begin = 0, end = 0; begin < record.size(); begin = end + 2) {
    end = std::min(record.find(", ", begin), record.size());
    const std::string part = record.substr(begin, end - begin);
    const size_t from = part.find(kFrom);
    if (from != part.npos && std::stoll(part.substr(from + sizeof kFrom - 1)) >= step) continue;
    kept += (kept.empty() ? "" : ", ") + part;
    last = part.substr(0, from);
  }
  if (last != unit) kept += fmt::format(", {}{}{}", unit, kFrom, step);
  log.set_attribute(kUnit, kept);
  return last != unit ? last : "";
}

Log begin(const std::filesystem::path& path, const Config& config, const Dataset& data,
          const LogStart& start, std::string& other_unit) {
  if (start.step == 0) {
    if (std::filesystem::exists(path)) check_own(Log::open(path), start);
    return new_log(path, config, data, start.identity);
  }
  if (!std::filesystem::exists(path))
    throw UsageError(path.string(),
                     fmt::format("the log whose rows before step {} belong to the "
                                 "checkpoint is missing",
                                 start.step),
                     "Put it back, or --overwrite the run.");
  Log log = Log::open(path);
  check_own(log, start);
  check_rows(log, start);
  log.shrink(start.step);
  log.set_attribute("config", to_yaml(config));
  if (!log.attribute(kUnit).empty()) other_unit = continue_with_unit(log, start.step);
  return log;
}

}  // namespace

std::vector<SeriesSpec> training_series(const Objective& objective) {
  const std::string unit = objective.predicts_tokens() ? "nat" : "1";
  return {
      {"train", "loss", {}, unit, "training loss", "of the batch, before the update of this step"},
      {"train", "grad_norm", {}, "1", "gradient norm", "over all parameters, before clipping"},
      {"train", "lr", {}, "1", "learning rate", "of the update of this step"},
      {"eval",
       "loss",
       {},
       unit,
       "validation loss",
       "mean over all targets of the first min(windows, train.eval.batches · train.batch) "
       "validation "
       "sequences"},
      {"timing",
       "seconds",
       {},
       "s",
       "time",
       "since this process began to train; exempt from the promise of equal bits"},
      {"timing", "tokens_per_second", {}, "1/s", "speed", "tokens trained on per second so far"},
      {"timing", "probe_seconds", {}, "s", "time in probes", "since this process began to train"}};
}

Log::Axes log_axes(const Config& config, const Dataset& data) {
  const ModelConfig& m = config.model;
  const int64_t T = config.probe_tokens();
  Log::Axes axes = {{"layer", m.layers},
                    {"head", m.heads},
                    {"position", T},
                    {"query", T},
                    {"key", T},
                    {"event", std::ssize(event_kinds(config.probe))},
                    {"query_role", std::ssize(query_role_names(data))},
                    {"key_role", std::ssize(key_role_names(data))}};
  if (const int64_t added = m.added_keys()) axes["added"] = added;
  return axes;
}

Log new_log(const std::filesystem::path& path, const Config& config, const Dataset& data,
            const std::string& identity, const Log::Axes& more) {
  Log::Axes axes = log_axes(config, data);
  axes.insert(more.begin(), more.end());
  Log log = Log::create(path, axes, to_yaml(config), identity);
  log.set_attribute(kPrecision, std::string(word(config.model.precision)));
  if (config.model.precision == Precision::bfloat16)
    log.set_attribute(kUnit, to_text(bfloat16_unit()));
  return log;
}

namespace {

// A run that goes on logs what an older version of the program may not have known.
void check_mechanism(const Log& log, const Config& config) {
  if (config.probe.every == 0 || config.probe.mechanism.empty()) return;
  for (const SeriesSpec& spec : mechanism_series())
    if (!log.has(spec.group, spec.name))
      throw UsageError(
          log.path().string(),
          fmt::format("it was begun by an older version of this program, and lacks the "
                      "series {}/{}",
                      spec.group, spec.name),
          "Finish the run with that version, or --overwrite it.");
}

// What the entries of the axes of roles are called.
void name_roles(Log& log, const Dataset& data) {
  const auto name = [&](const std::string& axis, const std::vector<std::string>& names) {
    log.set({"roles", axis + "_name", {axis}, "1", "names of " + axis, "its entries, by name"},
            std::span<const std::string>(names));
  };
  name("query_role", query_role_names(data));
  name("key_role", key_role_names(data));
}

// The token of each position, where all sequences have the same.
std::vector<std::string> common_tokens(const Prober& prober) {
  std::vector<std::string> common = prober.tokens_of(0);
  for (int64_t b = 1; b < std::ssize(prober.lengths()); ++b) {
    const std::vector<std::string> other = prober.tokens_of(b);
    for (size_t t = 0; t < common.size(); ++t)
      if (common[t] != other[t]) common[t].clear();
  }
  return common;
}

}  // namespace

void define_probe(Log& log, const Prober& prober) {
  for (const SeriesSpec& spec : prober.series()) log.define(spec);
  if (has_roles(prober.data())) name_roles(log, prober.data());
  const auto visibility = prober.key_visibility();
  log.set({"probe",
           "key_visibility",
           {"layer", "key"},
           "1",
           "key visibility",
           "share of the queries of all sequences that see the key, including its own; NaN without "
           "attention",
           between(0, 1)},
          std::span<const float>(visibility));
}

void name_positions(Log& log, const Prober& prober) {
  const auto names = common_tokens(prober);
  log.set({"probe",
           "position_name",
           {"position"},
           "1",
           "position name",
           "the token that every probe sequence has there; empty where they differ"},
          std::span<const std::string>(names));
}

void define_snapshots(Log& log, const Prober& prober) {
  for (const SeriesSpec& spec : AttentionMaps::series()) log.define(spec);
  const auto tokens = prober.tokens_of(0);
  log.set({"snapshot", "tokens", {"position"}, "1", "tokens", "of the first probe sequence"},
          std::span<const std::string>(tokens));
}

Log::Row row_of(const Prober::Values& values) {
  Log::Row row;
  for (const auto& [name, numbers] : values)
    row.emplace_back(name, std::span<const float>(*numbers));
  return row;
}

Log::Row row_of(const std::vector<std::pair<std::string, double>>& numbers) {
  Log::Row row;
  for (const auto& [name, number] : numbers)
    row.emplace_back(name, std::span<const double>(&number, 1));
  return row;
}

RunLog::RunLog(const std::filesystem::path& path, const Config& config, const Prober& prober,
               const LogStart& start)
    : log_(begin(path, config, prober.data(), start, other_unit_)) {
  if (start.step > 0) {
    check_mechanism(log_, config);
    return;
  }
  for (const SeriesSpec& spec : training_series(*config.train.objective)) log_.define(spec);
  if (config.probe.every == 0) return;
  define_probe(log_, prober);
  name_positions(log_, prober);
  if (!config.probe.mechanism.empty())
    for (const SeriesSpec& spec : mechanism_series()) log_.define(spec);
  if (!config.probe.snapshots.empty()) define_snapshots(log_, prober);
}

void RunLog::train(int64_t step, const StepReport& report) {
  log_.append("train", step,
              {{"loss", std::span(&report.loss, 1)},
               {"grad_norm", std::span(&report.grad_norm, 1)},
               {"lr", std::span(&report.lr, 1)}});
}

void RunLog::validation(int64_t step, double loss) {
  log_.append("eval", step, {{"loss", std::span<const double>(&loss, 1)}});
}

void RunLog::timing(int64_t step, double seconds, double tokens_per_second, double probe_seconds) {
  log_.append("timing", step,
              {{"seconds", std::span<const double>(&seconds, 1)},
               {"tokens_per_second", std::span<const double>(&tokens_per_second, 1)},
               {"probe_seconds", std::span<const double>(&probe_seconds, 1)}});
}

void RunLog::probe(int64_t step, const Prober& prober) {
  log_.append("probe", step, row_of(prober.values()));
}

void RunLog::snapshot(int64_t step, const Prober& prober) {
  log_.append("snapshot", step, row_of(prober.snapshot()));
}

void RunLog::mechanism(int64_t step, const Mechanism& found) {
  const auto numbers = numbers_of(found);
  log_.append("mechanism", step, row_of(numbers));
}

void RunLog::flush(const std::filesystem::path& path) {
  const auto start = Clock::now();
  log_.set_path(path);
  log_.flush();
  flushed_ = Clock::now();
  flush_took_ = flushed_ - start;
}

void RunLog::flush_when_cheap(const std::filesystem::path& path) {
  if (Clock::now() - flushed_ >= 50 * flush_took_) flush(path);
}

}  // namespace waiver
