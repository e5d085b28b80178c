#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/usage.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/output.h"
#include "core/signals.h"
#include "core/stop.h"
#include "core/threads.h"

namespace {

// OpenMP reads its settings once, when it is loaded. A thread that waits for others spins first,
// GCC's so long that on a shared machine it takes the core from the very thread it waits for. And a
// stack of another size than the system's would be too small, or more than threads can be given.
void restart_with_own_settings(char** argv) {
  bool changed = false;
  if (!std::getenv("GOMP_SPINCOUNT") && !std::getenv("OMP_WAIT_POLICY"))
    changed = setenv("GOMP_SPINCOUNT", "3000", 1) == 0;
  for (const char* size : {"OMP_STACKSIZE", "GOMP_STACKSIZE"})
    if (std::getenv(size)) changed = unsetenv(size) == 0;
  if (!changed) return;
  std::error_code missing;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", missing);
  if (!missing) execv(program.c_str(), argv);
}

// What CLI11 says to the help, the version or a mistake that `error` stands for.
int answer(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out, complaint;
  const int status = app.exit(error, out, complaint) == 0 ? 0 : 2;
  waiver::print_error(complaint.str());
  waiver::print_result(out.str());
  return status;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Waiver trains small transformers from YAML files and watches waiver elements (attention "
      "sinks) emerge.",
      "waiver");
  app.require_subcommand(1);
  app.set_version_flag("--version", WAIVER_VERSION);
  app.footer(
      "Exit status: 0 done, 1 failed while running, 2 bad usage or config, 3 stopped by Ctrl-C, "
      "TERM, HUP or USR1.");
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return waiver::explain_usage(*failed, error);
  });
  waiver::add_train(app);
  waiver::add_sweep(app);
  waiver::add_eval(app);
  waiver::add_probe(app);
  waiver::add_intervene(app);
  waiver::add_sample(app);
  waiver::add_config(app);
  waiver::add_bench(app);
  waiver::add_doctor(app);
  try {
    std::vector<std::string> words = waiver::words_of(argc, argv);
    words.erase(words.begin());
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(std::move(words));
    return 0;
  } catch (const CLI::ParseError& error) {
    return answer(app, error);
  }
}

int fail(int status, const std::string& sentence) {
  waiver::print_error(sentence + "\n");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_own_settings(argv);
  waiver::hold_standard_streams();
  waiver::take_signals();
  waiver::ignore_file_size_signal();
  try {
    waiver::set_threads(waiver::threads());
    return run(argc, argv);
  } catch (const waiver::Stopped& stopped) {
    return fail(waiver::Stopped::kStatus, stopped.what());
  } catch (const waiver::Error& error) {
    return fail(static_cast<int>(error.kind()), error.what());
  } catch (const std::exception& error) {
    return fail(1, waiver::sentence_of(error));
  }
}
