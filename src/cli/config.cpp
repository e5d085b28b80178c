#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "config/docs.h"
#include "core/output.h"
#include "run/memory.h"
#include "study/check.h"
#include "study/study_file.h"

namespace waiver {
namespace {

void check_config(const Target& target) {
  const Config config = load_config(target.path, target.overrides);
  const MemoryUse memory = require_memory(config, *open_training_data(config));
  print_result("{}: fine. {} parameters, {} steps of {} sequences of {} tokens.\n", target.path,
               memory.parameters, config.train.steps, config.train.batch, config.model.context);
  print_result("Memory: {}.\n", memory.text());
  for (const std::string& note : notes_on(config)) print_result("{}\n", note);
}

void check(const Target& target) {
  require_file(target.path);
  if (!is_study(target.path)) return check_config(target);
  const Study study = load_study(target.path, target.overrides);
  const std::string runs = check_text(study, terminal_width());
  print_result("{}: fine. {} run{}.\n\n{}", target.path, study.runs.size(),
               study.runs.size() == 1 ? "" : "s", runs);
}

void show(const Target& target) {
  require_file(target.path);
  if (!is_study(target.path))
    return print_result(to_yaml(load_config(target.path, target.overrides)));
  const char* between = "";
  for (const StudyRun& run : load_study(target.path, target.overrides).runs)
    print_result("{}# {}\n{}", std::exchange(between, "---\n"), run.name, to_yaml(run.config));
}

}  // namespace

void add_config(Verb& program) {
  Verb verb = program.add("config", "Check, print and explain configs and studies");

  auto checked = std::make_shared<Target>();
  Verb check_verb = verb.add("check", "Find everything that is wrong with a config or a study");
  add_target(check_verb, *checked, "config", "a run config or a study (YAML)");
  check_verb.runs([checked] { check(*checked); });

  auto shown = std::make_shared<Target>();
  Verb show_verb = verb.add(
      "show", "Print the whole config, or that of each run, with bases, overrides and defaults");
  add_target(show_verb, *shown, "config", "a run config or a study (YAML)");
  show_verb.runs([shown] { show(*shown); });

  verb.add("docs", "Print every key with its default, allowed values and meaning").runs([] {
    print_result(config_docs());
  });
}

}  // namespace waiver
