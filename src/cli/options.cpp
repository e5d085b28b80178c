#include "cli/options.h"

#include "core/threads.h"

namespace waiver {

void add_target(CLI::App& verb, Target& target, const std::string& name, const std::string& what) {
  verb.add_option(name, target.path, what)->required();
  verb.add_option("overrides", target.overrides,
                  "keys to override, as key.path=value, parsed as YAML")
      ->type_name("key.path=value");
}

void add_threads(CLI::App& verb) {
  verb.add_option_function<int>("--threads", set_threads,
                                "how many threads work; results do not depend on it")
      ->check(CLI::Range(1, 4096));
}

}  // namespace waiver
