#include <filesystem>
#include <memory>

#include "cli/json.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "run/directory.h"
#include "study/index.h"
#include "study/show/show.h"

namespace waiver {
namespace {

void show(const std::string& path, bool json) {
  if (is_sweep(path))
    return json ? print_json(show_sweep_json(path))
                : print_result(show_sweep(path, terminal_width()));
  require_run(path, "show");
  if (!is_run(path))
    throw UsageError(path, "this is not the folder of a run or a sweep",
                     "Give RUN, as in runs/NAME, whose log tells what happened.");
  json ? print_json(show_run_json(path)) : print_result(show_run(path, terminal_width()));
}

}  // namespace

void add_show(Verb& program) {
  Verb verb = program.add("show", "Say in a sentence what happened in a run or a sweep");
  auto path = std::make_shared<std::string>();
  verb.add("run", *path, "a run directory or a sweep's folder").required();
  auto json = std::make_shared<bool>(false);
  add_json(verb, *json);
  verb.runs([path, json] { show(*path, *json); });
}

}  // namespace waiver
