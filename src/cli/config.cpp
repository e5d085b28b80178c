#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "config/docs.h"
#include "core/output.h"
#include "core/text/plain.h"
#include "core/text/table.h"
#include "run/memory.h"
#include "run/start_weights.h"
#include "study/check.h"
#include "study/study_file.h"

namespace waiver {
namespace {

struct CheckCall {
  Target target;
  bool json = false;
};

void check_config(const CheckCall& call) {
  const std::string& path = call.target.path;
  const Config config = load_config(path, call.target.overrides);
  const auto data = open_training_data(config);
  const MemoryUse memory = require_memory(config, *data);
  check_start(config, *data);
  const std::vector<std::string> notes = notes_on(config);
  if (call.json)
    return print_json({{"config", path},
                       {"parameters", memory.parameters},
                       {"steps", config.train.steps},
                       {"batch", config.train.batch},
                       {"context", config.model.context},
                       {"memory", memory.json()},
                       {"notes", notes}});
  const int64_t width = terminal_width();
  std::string text =
      folded(fmt::format("{}: fine. {} parameters, {} steps of {} sequences of {} tokens.", path,
                         memory.parameters, config.train.steps, config.train.batch,
                         config.model.context),
             width) +
      folded(fmt::format("Memory: {}.", memory.text()), width);
  for (const std::string& note : notes) text += folded(note, width);
  print_result(text);
}

void check(const CheckCall& call) {
  const Target& target = call.target;
  require_file(target.path);
  if (!is_study(target.path)) return check_config(call);
  const StudyCheck found = check_study(load_study(target.path, target.overrides));
  if (call.json) {
    Json out = {{"study", target.path}};
    out.update(to_json(found));
    return print_json(out);
  }
  print_result("{}: fine. {} run{}.\n\n{}", target.path, found.runs, found.runs == 1 ? "" : "s",
               to_text(found, terminal_width()));
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

  auto checked = std::make_shared<CheckCall>();
  Verb check_verb = verb.add("check", "Find everything that is wrong with a config or a study");
  add_target(check_verb, checked->target, "config", "a run config or a study (YAML)");
  add_json(check_verb, checked->json);
  check_verb.runs([checked] { check(*checked); });

  auto shown = std::make_shared<Target>();
  Verb show_verb = verb.add(
      "show", "Print the whole config, or that of each run, with bases, overrides and defaults");
  add_target(show_verb, *shown, "config", "a run config or a study (YAML)");
  show_verb.runs([shown] { show(*shown); });

  auto key = std::make_shared<std::string>();
  auto markdown = std::make_shared<bool>(false);
  Verb docs_verb = verb.add("docs", "Print every key with its default, allowed values and meaning");
  docs_verb.add("key", *key, "only this key, or this block: model.position, train.optimizer.kind");
  docs_verb.add("--markdown", *markdown, "as tables of Markdown, not folded");
  docs_verb.runs([key, markdown] {
    const std::string docs = config_docs(*key);
    print_result(*markdown ? docs : plain_text(docs, terminal_width()));
  });
}

}  // namespace waiver
