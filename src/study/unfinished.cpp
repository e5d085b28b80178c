#include "study/unfinished.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "core/files/files.h"
#include "run/console.h"
#include "run/directory.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// `step 40/500`, from the last line about it in the run's log; empty where there is none.
std::string last_step(const fs::path& run, int64_t steps) {
  if (!fs::exists(run / "train.log")) return "";
  std::istringstream log(read_file(run / "train.log"));
  std::optional<int64_t> step;
  for (std::string line; std::getline(log, line);)
    if (const auto found = progress_step(line)) step = found;
  return step ? fmt::format("step {}/{}", *step, steps) : "";
}

}  // namespace

std::pair<std::string, std::string> unfinished_state(const fs::path& run, int64_t steps) {
  const std::string status = run_status(run.string());
  if (!is_run(run) &&
      fs::exists(run.parent_path() / "records" / (run.filename().string() + ".json")))
    return {"record only", "its folder is not here"};
  if (!is_run(run) && status.empty()) return {"not started", ""};
  if (is_held(run)) return {"running", last_step(run, steps)};
  if (status == "failed") return {"failed", run_status_reason(run.string())};
  if (status == "stopped") return {"stopped", run_status_reason(run.string())};
  if (status == "done" && !fs::exists(run / "log.h5"))
    return {"without log", "it is finished, but its log is not here"};
  if (status == "done") return {"other config", "it was trained with another config"};
  return {"interrupted", last_step(run, steps)};
}

}  // namespace waiver
