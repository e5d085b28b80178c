#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include "cli/verbs.h"
#include "core/error.h"
#include "core/files.h"
#include "core/threads.h"

namespace {

// A thread that waits for others spins first. GCC's OpenMP spins so long that on a shared machine
// it takes the core from the very thread it waits for; it reads its setting once, when it is
// loaded.
void restart_with_short_spin(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "3000", 1);
  std::error_code missing;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", missing);
  if (!missing) execv(program.c_str(), argv);
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_short_spin(argv);
  waiver::set_threads(waiver::threads());
  CLI::App app(
      "Waiver trains small transformers from YAML files and watches waiver elements (attention "
      "sinks) emerge.",
      "waiver");
  app.require_subcommand(1);
  app.set_version_flag("--version", WAIVER_VERSION);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    std::string verb = failed->get_name();
    while (!failed->get_subcommands().empty()) {
      failed = failed->get_subcommands().front();
      verb += " " + failed->get_name();
    }
    return fmt::format("{}\nSee {} --help.\n", error.what(), verb);
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
  waiver::ignore_file_size_signal();
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const waiver::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
