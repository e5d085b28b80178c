#include <fmt/format.h>

#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "config/docs.h"
#include "core/output.h"
#include "run/memory.h"

namespace waiver {
namespace {

void check(const Target& target) {
  require_file(target.path);
  const Config config = load_config(target.path, target.overrides);
  const MemoryUse memory = require_memory(config, *open_data(config));
  print_result("{}: fine. {} parameters, {} steps of {} sequences of {} tokens.\n", target.path,
               memory.parameters, config.train.steps, config.train.batch, config.model.context);
  print_result("Memory: {}.\n", memory.text());
  for (const std::string& note : notes_on(config)) print_result("{}\n", note);
}

}  // namespace

void add_config(Verb& program) {
  Verb verb = program.add("config", "Check, print and explain configs");

  auto checked = std::make_shared<Target>();
  Verb check_verb = verb.add("check", "Find everything that is wrong with a config");
  add_target(check_verb, *checked, "config", "a run config (YAML)");
  check_verb.runs([checked] { check(*checked); });

  auto shown = std::make_shared<Target>();
  Verb show_verb = verb.add("show", "Print the whole config, with bases, overrides and defaults");
  add_target(show_verb, *shown, "config", "a run config (YAML)");
  show_verb.runs([shown] {
    require_file(shown->path);
    print_result(to_yaml(load_config(shown->path, shown->overrides)));
  });

  verb.add("docs", "Print every key with its default, allowed values and meaning").runs([] {
    print_result(config_docs());
  });
}

}  // namespace waiver
