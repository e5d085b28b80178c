#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/json.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "core/text/printable.h"
#include "core/text/shell.h"
#include "run/directory.h"
#include "run/log_contents.h"
#include "run/log_text.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

struct LogCall {
  std::string path;
  std::vector<std::string> series;
  bool csv = false, json = false;
};

Log open_log(const fs::path& path) {
  if (fs::is_regular_file(path)) return Log::open(path);
  require_run(path.string(), "log");
  if (!is_run(path))
    throw UsageError(path.string(), "this is not the folder of a run",
                     "Give RUN, as in runs/NAME, or the file of a log.");
  if (!fs::exists(path / "log.h5"))
    throw UsageError(path.string(), "this run has no log",
                     fmt::format("waiver probe {} --out FILE writes one of its model.",
                                 shell_word(path.string())));
  return Log::open(path / "log.h5");
}

// Names and units are as the file has them, and anyone may have written it.
void print_table(const std::string& text) { print_result(printable_lines(text, text.size())); }

void print_log(const LogCall& call) {
  const Log log = open_log(call.path);
  if (call.series.empty()) {
    if (call.json) return print_json(log_contents_json(log));
    if (call.csv) return print_result(log_contents_csv(log));
    return print_table(log_contents(log, terminal_width()));
  }
  std::vector<LogSlice> slices;
  for (const std::string& request : call.series) slices.push_back(read_slice(log, request));
  if (call.json) return print_json(to_json(log, slices));
  if (call.csv) return print_result(to_csv(slices));
  print_table(to_text(slices, terminal_width()));
}

}  // namespace

void add_log(Verb& program) {
  Verb verb = program.add("log", "Print series of a run's log as text");
  auto call = std::make_shared<LogCall>();
  verb.add("run", call->path,
           "a run directory, or a file that holds a log: log.h5, mechanism.h5, what probe --out "
           "wrote")
      .required();
  verb.add("series", call->series,
           "GROUP/NAME, or NAME where one group has it, and what is taken along its axes, as "
           "'probe/key_norm[layer=1,step=0-100]', or last; without: a list of all")
      .type("SERIES");
  const Option csv = verb.add("--csv", call->csv,
                              "a row per step and a column per element, NAME[layer=1,head=0], "
                              "empty where it is NaN; numbers read back to the same bits");
  add_json(verb, call->json).excludes(csv);
  verb.runs([call] { print_log(*call); });
}

}  // namespace waiver
