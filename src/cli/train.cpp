#include <filesystem>
#include <memory>

#include "cli/join.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "run/run.h"
#include "study/study.h"

namespace waiver {
namespace {

struct TrainCall {
  Target target;
  RunPlan plan;
};

void train(const TrainCall& options) {
  Ranks& ranks = joined_ranks();
  RunPlan plan = options.plan;
  const std::string& path = options.target.path;
  plan.overrides = options.target.overrides;
  Config config;
  begin_together([&] {
    require_file(path);
    config = load_config(path, plan.overrides);
  });
  if (plan.directory.empty()) plan.directory = "runs/" + run_name(path, plan.overrides, config);
  try {
    train_run(config, plan, ranks);
  } catch (const std::exception& problem) {
    if (!ranks.gave_up()) throw;
    const auto* error = dynamic_cast<const Error*>(&problem);
    print_error(sentence_of(problem) + "\n");
    ranks.abort(error ? static_cast<int>(error->kind()) : 1);
  }
}

}  // namespace

void add_train(Verb& program) {
  Verb verb = program.add("train", "Train one model and write its run directory");
  auto options = std::make_shared<TrainCall>();
  add_target(verb, options->target, "config", "a run config (YAML)");
  verb.add("--out", options->plan.directory,
           "the run directory; default: runs/ and a name from the config, the overrides "
           "and the seeds");
  Option resume =
      verb.add("--resume", options->plan.resume, "continue from the newest good checkpoint");
  verb.add("--overwrite", options->plan.overwrite, "replace an existing run").excludes(resume);
  add_threads(verb);
  verb.runs([options] { train(*options); });
}

}  // namespace waiver
