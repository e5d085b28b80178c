#include "run/plan/plan.h"

#include <algorithm>
#include <memory>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/output.h"
#include "core/threads.h"

namespace waiver {
namespace {

struct PlanCall {
  Target target;
  double seconds = 2;
  std::vector<int64_t> ranks = {1, 2, 4, 8}, threads;
  double latency = 1e6 * Network().latency, bandwidth = 1e-9 * Network().bandwidth;
  bool json = false;
};

void plan(const PlanCall& options) {
  require_file(options.target.path);
  const Config config = load_config(options.target.path, options.target.overrides);
  const Network network{1e-6 * options.latency, 1e9 * options.bandwidth};
  for (const auto& [name, numbers] :
       {std::pair{"--ranks", options.ranks}, {"--simulate-threads", options.threads}})
    if (std::ranges::any_of(numbers, [](int64_t n) { return n < 1 || n > 4096; }))
      throw UsageError(name, "each of these numbers is from 1 to 4096");
  const Plan found = Plan::of(
      config, options.seconds, options.ranks,
      options.threads.empty() ? std::vector<int64_t>{threads()} : options.threads, network);
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
  verb.add("--ranks", options->ranks, "numbers of processes to simulate, as 2,4")
      .type("NUMBERS")
      .separated_by_commas();
  verb.add("--simulate-threads", options->threads,
           "numbers of threads of each to simulate; default: as many as measured")
      .type("NUMBERS")
      .separated_by_commas();
  verb.add("--latency", options->latency, "of the network between them, in microseconds")
      .type("US")
      .between(0.0, 1e6)
      .shows_default();
  verb.add("--bandwidth", options->bandwidth,
           "gigabytes a second that each sends, and receives, at a time")
      .type("GB/S")
      .between(1e-6, 1e6)
      .shows_default();
  add_threads(verb);
  add_json(verb, options->json);
  verb.runs([options] { plan(*options); });
}

}  // namespace waiver
