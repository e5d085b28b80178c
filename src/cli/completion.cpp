#include <memory>

#include "cli/completion_scripts.h"
#include "cli/verbs.h"
#include "core/output.h"

namespace waiver {

void add_completion(Verb& program) {
  Verb verb = program.add("completion", "Print a script that completes commands in your shell");
  auto shell = std::make_shared<std::string>();
  verb.add("shell", *shell,
           "bash: source <(waiver completion bash); zsh: the same; fish: waiver completion fish | "
           "source")
      .required()
      .among({"bash", "zsh", "fish"});
  verb.runs([program, shell] {
    const VerbInfo all = program.info();
    print_result(*shell == "bash"  ? bash_completion(all)
                 : *shell == "zsh" ? zsh_completion(all)
                                   : fish_completion(all));
  });
}

}  // namespace waiver
