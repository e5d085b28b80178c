#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "bench/bench.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/machine.h"
#include "core/output.h"
#include "core/products/gemm.h"
#include "core/text/table.h"

namespace waiver {
namespace {

struct BenchCall {
  std::vector<std::string> names = {"small", "bb", "lm"};
  int64_t batch = 0;  // 0: the workload's own
  bool compare = false;
  std::string python = "/usr/bin/python3";
  std::string json;
  BenchOptions bench;
};

constexpr char kInterpreter[] =
    "Give the interpreter of a virtual environment in which PyTorch is installed, as in "
    "--python venv/bin/python3.";

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

// Beside a column of names, columns of numbers as wide as this.
Table beside_names(int64_t names, std::initializer_list<int64_t> numbers) {
  Table table{{{Align::left, names}}, {}};
  for (const int64_t width : numbers) table.columns.push_back({Align::right, width, 1});
  return table;
}

void print_table(const std::vector<BenchResult>& results) {
  Table table = beside_names(8, {9, 5, 5, 9, 8, 10, 8, 7, 6, 8, 8, 9, 9, 7, 7});
  table.keys = 2;
  table.rows = {{"workload", "precision", "T", "batch", "ms/step", "times", "tokens/s", "GFLOP/s",
                 "products", "peak", "ps/FLOP", "model", "activ.", "resident", "probes", "torch"},
                {"", "", "", "", "", "float32", "", "useful", "GFLOP/s", "share", "useful", "MiB",
                 "MiB", "MiB", "share", "ratio"}};
  for (const BenchResult& r : results)
    if (r.workload.setting.empty())
      table.rows.push_back(
          {r.workload.name, std::string(word(r.workload.model.precision)),
           std::to_string(r.workload.model.context), std::to_string(r.workload.train.batch),
           number_cell(r.ms_per_step, 2), r.plain_ratio ? number_cell(*r.plain_ratio, 3) : "",
           number_cell(r.tokens_per_second, 0), number_cell(r.useful_gflops, 1),
           number_cell(r.peak_gflops, 1), percent(r.share_of_peak),
           number_cell(1000 / r.useful_gflops, 2),
           number_cell(mib(r.parameter_bytes + r.optimizer_bytes), 1),
           number_cell(mib(r.arena_bytes), 1), number_cell(mib(r.peak_resident_bytes), 1),
           r.probe_share ? percent(*r.probe_share) : "",
           r.torch ? number_cell(r.torch->ratio, 2) : ""});
  print_result("\n{}", to_text(table, terminal_width()));
}

void print_switches(const std::vector<BenchResult>& results) {
  Table table = beside_names(0, {9, 23});
  table.rows = {{"switch, on lm", "ms/step", "times the plain step"}};
  for (const BenchResult& r : results)
    if (!r.workload.setting.empty())
      table.rows.push_back(
          {r.workload.setting, number_cell(r.ms_per_step, 2), number_cell(*r.plain_ratio, 3)});
  print_result("\n{}", to_text(table, terminal_width()));
}

// What to do about a BLAS that stays slow.
std::string advice(const TorchSetup& setup) {
  if (setup.blas == "reference BLAS")
    return "an optimized BLAS is missing (apt-get install libopenblas0)";
  if (setup.remedy_needs) return fmt::format("the remedy for it needs {}", *setup.remedy_needs);
  return "no known remedy closes the gap";
}

void print_indented(const std::string& sentence) {
  print_result(to_text({{{.wraps = true}}, {{sentence}}, 2}, terminal_width()));
}

void print_torch(const BenchResult::Torch& torch) {
  const TorchSetup& setup = torch.setup;
  print_indented(fmt::format("PyTorch {}: eager {:.2f} ms per step, {}; the ratio is against {}.",
                             setup.version, torch.eager_ms,
                             torch.compiled_ms
                                 ? fmt::format("compiled {:.2f} ms", *torch.compiled_ms)
                                 : fmt::format("not compiled ({})", *setup.not_compiled),
                             torch.best_ms < torch.eager_ms ? "compiled" : "eager"));
  print_indented(fmt::format(
      "Its float32 products ({}) reach {:.1f} GFLOP/s{}{}.", setup.blas, setup.gemm_gflops,
      setup.remedy ? fmt::format(" with {}, {:.1f} without it", *setup.remedy, *setup.gflops_before)
                   : "",
      setup.bfloat16_gflops ? fmt::format("; in bfloat16, {:.1f}", *setup.bfloat16_gflops) : ""));
  if (setup.slowed())
    print_indented(
        fmt::format("PyTorch is slowed, so the ratio flatters: this program's float32 products "
                    "reach {:.1f} GFLOP/s, and {}.",
                    setup.own_gflops, advice(setup)));
}

void print_rows(const BenchResult& r) {
  print_result("\n{} · {} · T {} · batch {} · {} rounds of {} steps\n", r.workload.name,
               word(r.workload.model.precision), r.workload.model.context, r.workload.train.batch,
               r.rounds, r.steps_per_round);
  Table table = beside_names(14, {8, 8, 8, 8, 6, 12, 7});
  table.indent = 2;
  table.rows = {
      {"ms of a step", "forward", "backward", "around", "sum", "share", "fewest tiles", "us/tile"}};
  const auto add = [&](const std::string& name, double forward, double backward, double around) {
    const double sum = forward + backward + around;
    table.rows.push_back({name, number_cell(forward, 3), number_cell(backward, 3),
                          number_cell(around, 3), number_cell(sum, 3),
                          percent(sum / r.ms_per_step)});
  };
  BenchRow sum;
  for (const BenchRow& row : r.rows) {
    add(row.name, row.forward_ms, row.backward_ms, row.around_ms);
    if (row.fewest_tiles > 0) {
      table.rows.back().emplace_back(std::to_string(row.fewest_tiles));
      table.rows.back().emplace_back(number_cell(row.microseconds_per_tile, 1));
    }
    sum.forward_ms += row.forward_ms;
    sum.backward_ms += row.backward_ms;
    sum.around_ms += row.around_ms;
  }
  add("sum", sum.forward_ms, sum.backward_ms, sum.around_ms);
  print_result(to_text(table, terminal_width()));
  print_indented(
      fmt::format("For 64 threads: {:.1f}% of the step is serial, {:.1f}% in loops of fewer tiles.",
                  100 * r.serial_share, 100 * r.few_tiles_share));
  if (r.torch) print_torch(*r.torch);
}

void check_comparison(const BenchCall& options) {
  const std::string& python = options.python;
  if (!std::filesystem::exists(python))
    throw UsageError("--python", fmt::format("{} does not exist", python), kInterpreter);
  if (!std::filesystem::is_regular_file(python) || access(python.c_str(), X_OK) != 0)
    throw UsageError("--python", fmt::format("{} is not an executable file", python), kInterpreter);
  if (std::ranges::count(options.names, "switches") == std::ssize(options.names))
    throw UsageError("--compare", "PyTorch is not timed with switches",
                     "Name another workload too, or leave --compare out.");
}

void bench(const BenchCall& options) {
  if (options.compare) check_comparison(options);
  if (!options.json.empty()) check_results_file(options.json);
  std::vector<Workload> workloads;
  for (const std::string& name : options.names)
    for (Workload& workload : find_workloads(name)) {
      if (options.batch > 0) workload.train.batch = options.batch;
      workloads.push_back(workload);
      if (!workload.setting.empty()) continue;
      workloads.push_back(workload);
      workloads.back().model.precision = Precision::bfloat16;
    }
  print_result(folded(fmt::format("{} · {} · bfloat16 unit: {}", machine_line(), gemm_version(),
                                  to_text(bfloat16_unit())),
                      terminal_width()));
  for (const std::string& warning : machine_warnings())
    print_result(folded("Slow: " + warning, terminal_width()));
  std::vector<BenchResult> results;
  for (const Workload& workload : workloads) {
    results.push_back(measure(workload, options.bench));
    if (workload.setting.empty()) print_rows(results.back());
  }
  const auto switches = std::ranges::count_if(
      results, [](const BenchResult& r) { return !r.workload.setting.empty(); });
  if (switches < std::ssize(results)) print_table(results);
  if (switches > 0) print_switches(results);
  if (!options.json.empty()) write_atomically(options.json, results_json(results));
}

}  // namespace

void add_bench(Verb& program) {
  Verb verb = program.add(
      "bench", "Speed of training steps compared with this machine's own matrix products");
  auto options = std::make_shared<BenchCall>();
  verb.add("workloads", options->names, fmt::format("among {}", fmt::join(workload_names(), ", ")))
      .shows_default();
  verb.add("--rounds", options->bench.rounds, "rounds over which medians are taken")
      .between(1, 10000)
      .shows_default();
  verb.add("--round-seconds", options->bench.round_seconds,
           "steps fill a round up to this; at least one")
      .between(0.0, 3600.0)
      .shows_default();
  verb.add("--batch", options->batch, "sequences per step, instead of the workload's own")
      .between(1, 1 << 20);
  const Option compare = verb.add(
      "--compare", options->compare,
      "time steps of the same model in PyTorch too, eager and compiled (not with switches); the "
      "ratio is against the faster");
  verb.add("--python", options->python, "the interpreter that has PyTorch")
      .needs(compare)
      .shows_default();
  verb.add("--json", options->json, "a file for all figures");
  add_threads(verb);
  verb.runs([options] {
    if (options->compare) options->bench.python = options->python;
    bench(*options);
  });
}

}  // namespace waiver
