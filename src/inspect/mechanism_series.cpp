#include "inspect/mechanism_series.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/stop.h"
#include "core/text/table.h"
#include "inspect/mechanism_report.h"
#include "probe/mechanism/series.h"
#include "run/run_log.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {

std::vector<MechanismAt> mechanism_of_checkpoints(const fs::path& run) {
  const auto checkpoints = list_checkpoints(run / "checkpoints");
  if (checkpoints.empty())
    throw UsageError(run.string(), "this run has no checkpoint",
                     "Set train.checkpoint.at: [0, 100, …] to keep those of chosen steps.");
  std::vector<MechanismAt> out;
  for (const fs::path& checkpoint : checkpoints) {
    check_stop();
    SavedModel saved = open_saved(checkpoint.string(), {}, {.mechanism = true});
    if (out.empty()) tell(saved.memory);
    load_model(saved);
    out.push_back({saved.step, mechanism_of(saved)});
  }
  return out;
}

void write_mechanism(Log& log, const MechanismAt& one) {
  for (const SeriesSpec& spec : mechanism_series()) log.define(spec);
  const auto numbers = numbers_of(one.found);
  log.append("mechanism", one.step, row_of(numbers));
  log.set({"mechanism",
           "key_name",
           {},
           "1",
           "key",
           "whose selection was studied: a position, or a role"},
          std::span<const std::string>(&one.found.key, 1));
  for (size_t i = 0; i < one.found.findings.size(); ++i) {
    const Finding& f = one.found.findings[i];
    for (const auto& [name, value] : f.numbers) {
      if (is_series(f.id, name)) continue;
      const std::string full = fmt::format("{}_{}", f.id, name);
      log.set({"mechanism", full, {}, "1", full, std::string(hypotheses()[i].claim)},
              std::span<const double>(&value, 1));
    }
  }
}

void write_mechanism_series(const fs::path& file, const std::string& config,
                            const std::vector<MechanismAt>& all) {
  Log log = Log::create(file, {{"checkpoint", std::ssize(all)}}, config);
  for (const SeriesSpec& spec : mechanism_series()) log.define(spec);
  std::vector<std::string> keys;
  for (const auto& [step, found] : all) {
    const auto numbers = numbers_of(found);
    log.append("mechanism", step, row_of(numbers));
    keys.push_back(found.key);
  }
  log.set({"mechanism",
           "key_name",
           {"checkpoint"},
           "1",
           "key",
           "whose selection was studied at each checkpoint: a position, or a role"},
          std::span<const std::string>(keys));
  log.flush();
}

std::string to_text(const std::vector<MechanismAt>& all, int64_t width) {
  Table table{std::vector<Column>(10, {.wraps = true}),
              {{"step", "key", "queries", "status", "selected by", "follows encoding",
                "follows content", "α", "r_V", "loss"}},
              0,
              true};
  for (const auto& [step, m] : all)
    table.rows.push_back(
        {std::to_string(step), m.key, m.queries, std::string(verdict_text(m.status)),
         std::string(to_text(m.selected_by)), fmt::format("{:.2f}", m.follows.encoding),
         fmt::format("{:.2f}", m.follows.content), fmt::format("{:.3f}", m.received),
         fmt::format("{:.3f}", m.value_ratio), fmt::format("{:.4f}", m.loss)});
  return to_text(table, width);
}

}  // namespace waiver
