#include <fmt/format.h>

#include <memory>

#include "cli/json.h"
#include "cli/mpi.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "core/machine.h"
#include "core/output.h"
#include "core/products/gemm.h"
#include "core/text/table.h"

namespace waiver {
namespace {

struct Rates {
  double floats = measure_gemm_rate(), halves = measure_gemm_rate(Precision::bfloat16);
};

Json machine_json() {
  Json out;
  for (const auto& [name, value] : machine_facts()) out[name] = value;
  for (const char* number : {"processors", "threads"})
    out[number] = std::stoll(out[number].get<std::string>());
  const Rates rates;
  out["sgemm"] = json_number(rates.floats);
  out["bfloat16_products"] = json_number(rates.halves);
  out["rate_units"] = "GFLOP/s";
  out["mpi"] = mpi_version().empty() ? Json() : Json(mpi_version());
  out["warnings"] = machine_warnings();
  return out;
}

void examine() {
  Table table{{{Align::left, 20}, {.wraps = true}}, {}};
  for (const auto& [name, value] : machine_facts()) table.rows.push_back({name, value});
  const auto [floats, halves] = Rates();
  table.rows.push_back({"sgemm", fmt::format("{:.0f} GFLOP/s", floats)});
  table.rows.push_back({"bfloat16 products", fmt::format("{:.0f} GFLOP/s, {:.2f} times sgemm",
                                                         halves, halves / floats)});
  table.rows.push_back({"mpi", mpi_version().empty() ? "none" : mpi_version()});
  print_result(to_text(table, terminal_width()));
  const auto warnings = machine_warnings();
  print_result("\n{}\n", warnings.empty() ? "Nothing slow was found." : "What is slow here:");
  for (const std::string& warning : warnings)
    print_result(to_text({{{}, {.gap = 1, .wraps = true}}, {{"-", warning}}}, terminal_width()));
}

}  // namespace

void add_doctor(Verb& program) {
  Verb verb = program.add("doctor", "Versions, instruction set, threads, and what is slow here");
  add_threads(verb);
  auto json = std::make_shared<bool>(false);
  add_json(verb, *json);
  verb.runs([json] { *json ? print_json(machine_json()) : examine(); });
}

}  // namespace waiver
