#include "run/plan/plan.h"

#include <memory>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/output.h"

namespace waiver {
namespace {

struct PlanCall {
  Target target;
  double seconds = 2;
  bool json = false;
};

void plan(const PlanCall& options) {
  require_file(options.target.path);
  const Config config = load_config(options.target.path, options.target.overrides);
  const Plan found = Plan::of(config, options.seconds);
  if (options.json) return print_json(found.json(config));
  print_result("{}\n{}", options.target.path, found.text(config, terminal_width()));
}

}  // namespace

void add_plan(Verb& program) {
  Verb verb = program.add("plan", "What training a config takes: compute, memory, time");
  auto options = std::make_shared<PlanCall>();
  add_target(verb, options->target, "config", "a run config (YAML)");
  verb.add("--seconds", options->seconds,
           "how long to train to learn the time of a step, two steps at the least; nothing is "
           "written")
      .type("S")
      .between(0.0, 3600.0)
      .shows_default();
  add_threads(verb);
  add_json(verb, options->json);
  verb.runs([options] { plan(*options); });
}

}  // namespace waiver
