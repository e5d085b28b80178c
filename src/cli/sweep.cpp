#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "study/sweep.h"

namespace waiver {
namespace {

struct SweepCall {
  Target target;
  std::string directory;
  bool resume = false;
};

}  // namespace

void add_sweep(Verb& program) {
  Verb verb = program.add("sweep", "Train every run of an experiment, one after another");
  auto options = std::make_shared<SweepCall>();
  add_target(verb, options->target, "experiment", "an experiment (YAML)");
  verb.add("--out", options->directory,
           "the sweep's folder; default: runs/ and the experiment's name");
  verb.add("--resume", options->resume,
           "continue in an existing folder: finished runs are skipped, started ones resumed");
  add_threads(verb);
  verb.runs([options] {
    require_file(options->target.path);
    const Study study = load_study(options->target.path, options->target.overrides);
    const std::string directory =
        options->directory.empty() ? "runs/" + study.name : options->directory;
    run_sweep(study, directory, options->resume);
  });
}

}  // namespace waiver
