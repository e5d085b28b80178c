#include "core/machine.h"

#include <fmt/format.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "core/files/hdf5.h"
#include "core/products/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string compiled_instruction_set() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__AVX__)
  return "AVX";
#else
  return "baseline";
#endif
}

// How many processors' worth of time a container grants; without a limit, more than there are.
int granted_processors() {
  std::ifstream limit("/sys/fs/cgroup/cpu.max");  // `QUOTA PERIOD`, or `max PERIOD`
  double quota = 0, period = 0;
  return limit >> quota >> period && period > 0 ? static_cast<int>(std::ceil(quota / period))
                                                : std::numeric_limits<int>::max();
}

// How many other threads wanted a processor at the first call: later, this program's own work would
// be among them. Load averages would still count work that ended a minute ago.
int other_work() {
  static const int first = [] {
    double average = 0;
    int running = 1;
    std::ifstream load("/proc/loadavg");  // three averages, then `RUNNING/ALL`
    for (int i = 0; i < 3; ++i) load >> average;
    load >> running;
    return running - 1;
  }();
  return first;
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  return std::clamp(known ? CPU_COUNT(&set) : omp_get_num_procs(), 1, granted_processors());
}

std::string code_digest() {
  return
#include "code_digest.inc"
      ;
}

std::vector<std::pair<std::string, std::string>> machine_facts() {
  return {{"waiver", WAIVER_VERSION},
          {"code", code_digest()},
          {"compiler", __VERSION__},
          {"flags", WAIVER_FLAGS},
          {"processor", processor_name()},
          {"instruction_set", compiled_instruction_set()},
          {"gemm", gemm_version()},
          {"gemm_instruction_set", gemm_instruction_set()},
          {"bfloat16_unit", to_text(bfloat16_unit())},
          {"hdf5", hdf5_version()},
          {"processors", std::to_string(available_processors())},
          {"threads", std::to_string(threads())}};
}

std::string machine_line() {
  return fmt::format("waiver {} · {} thread{} · {}", WAIVER_VERSION, threads(),
                     threads() == 1 ? "" : "s", compiled_instruction_set());
}

std::vector<std::string> machine_warnings() {
  std::vector<std::string> out;
  if (compiled_instruction_set() == "baseline")
    out.push_back(
        "The program was compiled without AVX: build with -DWAIVER_NATIVE=ON on this machine.");
  if (gemm_instruction_set() == "generic" || gemm_instruction_set() == "SSE4.1")
    out.push_back(
        "oneDNN finds no AVX here: matrix products run far slower than on most machines.");
  if (gemm_has_own_threads())
    out.push_back(
        "oneDNN was built for threads of its own, not OpenMP's: products occupy more processors "
        "than "
        "--threads says, and take longer.");
  const int processors = available_processors();
  if (threads() < threads_asked())
    out.push_back(
        fmt::format("{} threads were requested; {} are in use, as many as can start or could help.",
                    threads_asked(), threads()));
  if (threads() > processors)
    out.push_back(fmt::format("{} threads share {} processors: use --threads {}.", threads(),
                              processors, processors));
  if (threads() < processors)
    out.push_back(fmt::format("{} of {} processors are used: set more with --threads.", threads(),
                              processors));
  if (const int others = other_work(); others > 0)
    out.push_back(fmt::format("Other work is running: {} more thread{} want{} a processor.", others,
                              others == 1 ? "" : "s", others == 1 ? "s" : ""));
  if (std::string(WAIVER_FLAGS).find("-O") == std::string::npos)
    out.push_back("The program was compiled without optimisation: use the release preset.");
  return out;
}

}  // namespace waiver
