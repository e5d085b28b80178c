#include "study/needs.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/error.h"
#include "core/memory.h"
#include "core/stop.h"
#include "run/start_weights.h"

namespace waiver {

RunNeeds RunNeeds::of(const StudyRun& run) {
  const auto data = open_training_data(run.config);
  check_start(run.config, *data);
  const DataRecord record = record_of(run.config, *data);
  return {record, RunDigests::of(run.config, record), require_memory(run.config, *data)};
}

double RunNeeds::work(const Config& config) const {
  return static_cast<double>(config.train.steps) *
         static_cast<double>(config.train.batch * config.model.context) *
         static_cast<double>(memory.parameters);
}

std::vector<RunNeeds> needs_of(const Study& study, const std::vector<size_t>& runs) {
  std::vector<RunNeeds> needs(study.runs.size());
  for (const size_t i : runs) {
    check_stop();
    needs[i] = RunNeeds::of(study.runs[i]);
  }
  return needs;
}

std::vector<RunDigests> digests_of(const std::vector<RunNeeds>& needs) {
  std::vector<RunDigests> out;
  for (const RunNeeds& each : needs) out.push_back(each.digests);
  return out;
}

std::vector<size_t> all_runs(const Study& study) {
  std::vector<size_t> runs(study.runs.size());
  std::iota(runs.begin(), runs.end(), size_t{0});
  return runs;
}

void require_side_by_side(const std::vector<RunNeeds>& needs, const std::vector<size_t>& runs,
                          int64_t side_by_side) {
  std::vector<int64_t> totals;
  for (const size_t i : runs) totals.push_back(needs[i].memory.total());
  std::ranges::sort(totals, std::greater<>());
  totals.resize(std::min(totals.size(), static_cast<size_t>(side_by_side)));
  const int64_t total = std::accumulate(totals.begin(), totals.end(), int64_t{0});
  if (totals.size() < 2 || total <= memory_limit()) return;
  throw UsageError("--jobs",
                   fmt::format("{} runs side by side do not fit into memory: the largest would "
                               "take {} together; {} is what this process may use",
                               totals.size(), memory_text(total), memory_text(memory_limit())),
                   "Run fewer at a time.");
}

}  // namespace waiver
