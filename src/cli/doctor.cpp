#include <fmt/format.h>

#include "cli/options.h"
#include "cli/verbs.h"
#include "core/gemm.h"
#include "core/machine.h"
#include "core/output.h"

namespace waiver {
namespace {

void examine() {
  for (const auto& [name, value] : machine_facts()) print_result("{:<22}{}\n", name, value);
  print_result("{:<22}{:.0f} GFLOP/s\n", "sgemm", measure_gemm_rate());
  const auto warnings = machine_warnings();
  print_result("\n{}\n", warnings.empty() ? "Nothing slow was found." : "What is slow here:");
  for (const std::string& warning : warnings) print_result("- {}\n", warning);
}

}  // namespace

void add_doctor(Verb& program) {
  Verb verb = program.add("doctor", "Versions, instruction set, threads, and what is slow here");
  add_threads(verb);
  verb.runs(examine);
}

}  // namespace waiver
