#include <fmt/format.h>

#include "cli/options.h"
#include "cli/verbs.h"
#include "core/gemm.h"
#include "core/machine.h"
#include "core/output.h"
#include "core/text/table.h"

namespace waiver {
namespace {

void examine() {
  Table table{{{Align::left, 20}, {.wraps = true}}, {}};
  for (const auto& [name, value] : machine_facts()) table.rows.push_back({name, value});
  const double floats = measure_gemm_rate(), halves = measure_gemm_rate(Precision::bfloat16);
  table.rows.push_back({"sgemm", fmt::format("{:.0f} GFLOP/s", floats)});
  table.rows.push_back({"bfloat16 products", fmt::format("{:.0f} GFLOP/s, {:.2f} times sgemm",
                                                         halves, halves / floats)});
  print_result(to_text(table, terminal_width()));
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
