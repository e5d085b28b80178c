#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include "cli/command_line.h"
#include "cli/join.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/memory.h"
#include "core/output.h"
#include "core/ranks/agree.h"
#include "core/signals.h"
#include "core/stop.h"
#include "core/threads.h"

namespace {

// OpenMP reads its settings once, when it is loaded. A thread that waits for others spins first,
// with GCC so long that on a shared machine it takes the core from the very thread it waits for.
// And stacks of a size other than the system's would be too small, or more than threads can get.
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

void add_verbs(waiver::Verb& program) {
  waiver::add_train(program);
  waiver::add_sweep(program);
  waiver::add_eval(program);
  waiver::add_probe(program);
  waiver::add_intervene(program);
  waiver::add_sample(program);
  waiver::add_show(program);
  waiver::add_log(program);
  waiver::add_report(program);
  waiver::add_import(program);
  waiver::add_export(program);
  waiver::add_config(program);
  waiver::add_plan(program);
  waiver::add_bench(program);
  waiver::add_doctor(program);
  waiver::add_completion(program);
}

int fail(int status, const std::string& sentence) {
  waiver::print_error(sentence + "\n");
  return status;
}

void run(int argc, char** argv) try {
  waiver::require_alone(argc > 1 ? argv[1] : "waiver");
  waiver::set_threads(waiver::threads());
  waiver::run_command_line(argc, argv, waiver::version_text(), add_verbs);
} catch (const std::exception&) {
  waiver::fail_together(std::current_exception());
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_own_settings(argv);
  waiver::hold_standard_streams();
  waiver::take_signals();
  waiver::ignore_file_size_signal();
  waiver::return_freed_memory();
  try {
    run(argc, argv);
    return 0;
  } catch (const waiver::Stopped& stopped) {
    return fail(waiver::Stopped::kStatus, stopped.what());
  } catch (const waiver::Error& error) {
    return fail(static_cast<int>(error.kind()), error.what());
  } catch (const waiver::EndedElsewhere& ended) {
    return ended.status;
  } catch (const std::exception& error) {
    return fail(1, waiver::sentence_of(error));
  }
}
