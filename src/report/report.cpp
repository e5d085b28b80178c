#include "report/report.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text/shell.h"
#include "inspect/probe_report.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/sweep_data.h"
#include "run/directory.h"
#include "study/index.h"
#include "study/show/shown_run.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// A sentence on a run that is not finished; empty for one that is.
std::string state_of(const fs::path& run, const Config& config) {
  if (run_status(run.string()) == "done") return "";
  const auto [state, more] = unfinished_state(run, config.train.steps);
  return fmt::format("This run is not finished: {}{}.", state, more.empty() ? "" : ", " + more);
}

// An imported run has no log, but a model that can be looked at.
void refuse_imported(const fs::path& run) {
  if (fs::exists(run / "log.h5") || run_status(run.string()) != "done") return;
  throw UsageError(run.string(), "this run has no log, as one that was imported",
                   fmt::format("Give its model something to read: waiver report {} --text TEXT, "
                               "or --token-file FILE.",
                               shell_word(run.string())));
}

// Of a run that has logged nothing yet.
Json unlogged_data(const fs::path& run) {
  const fs::path file = run / "config.yaml";
  const Config config = fs::exists(file) ? load_config(file.string(), {}) : Config{};
  return {{"kind", "run"},
          {"name", name_of_folder(run)},
          {"trained", true},
          {"sentence", "This run has logged nothing yet."},
          {"state", state_of(run, config)}};
}

// A probe of the newest checkpoint, with attention maps.
Json probed_data(const ReportRequest& request) {
  SavedModel saved =
      open_given(request.path.string(), {}, *request.given, {.probes = true, .mechanism = false});
  tell(saved.memory);
  load_model(saved);
  const Log log = probe_saved(saved, {}, request.file(), Maps::keep);
  const std::string looked_at =
      fmt::format("looked at once, at step {}: {}", saved.step, described(*request.given, saved));
  return run_data(log, {request.path, "", looked_at, {}, request.file()});
}

void check_file(const fs::path& file) {
  const std::string name = file.string();
  if (fs::is_directory(file)) throw UsageError(name, "this is a folder", "--out names a file.");
  if (fs::exists(fs::symlink_status(file)) && !is_page(file))
    throw UsageError(name, "this file was not written by this program, so it is not replaced",
                     "Choose another place with --out, or remove it yourself.");
  if (file.has_parent_path() && !fs::is_directory(file.parent_path()))
    throw UsageError(name, "there is no such folder to write it into");
}

}  // namespace

Json report_data(const ReportRequest& request) {
  const fs::path& path = request.path;
  if (is_sweep(path)) return sweep_data(path, request.file());
  if (request.given) return probed_data(request);
  refuse_imported(path);
  if (!fs::exists(path / "log.h5")) return unlogged_data(path);
  const ShownRun shown = open_shown_run(path);
  const auto probes = shown.log.steps("probe");
  const auto of_sweep = selection_in_sweep(path, probes.empty() ? 0 : probes.back());
  return run_data(shown.log, {path, state_of(path, shown.config), "",
                              newest_selection(shown, of_sweep), request.file()});
}

void write_report(const ReportRequest& request) {
  require_d3();
  check_file(request.file());
  const Json data = report_data(request);
  const std::string name = data.value("title", data.value("name", ""));
  write_atomically(request.file(), page_html(name, page_json(data)));
}

}  // namespace waiver
