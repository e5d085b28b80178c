// `waiver bench --compare`: most of it with interpreters that only pretend to have PyTorch.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bench/bench.h"
#include "program.h"
#include "temporary.h"

using namespace waiver;

namespace {

// An interpreter that answers as scripts/torch_step.py does, by the cases of a shell.
std::string interpreter(const TemporaryFolder& folder, const std::string& blas,
                        const std::string& cases) {
  const auto path = folder.path() / "python3";
  std::ofstream(path) << "#!/bin/sh\necho '{\"version\": \"9.9\", \"blas\": \"" << blas
                      << "\"}'\nwhile read -r ask; do case $ask in\n"
                      << cases << "\nesac; done\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

std::string answers(const std::string& ask, const std::string& name, const std::string& value) {
  return fmt::format("{}) echo '{{\"{}\": {}}}' ;;\n", ask, name, value);
}
// The rate depends on whether an environment variable matches a pattern.
std::string fast_with(const std::string& variable, const std::string& pattern) {
  return fmt::format(
      "products*) case ${} in {}) echo '{{\"gflops\": 1e6}}' ;; *) echo '{{\"gflops\": 1}}' ;; "
      "esac "
      ";;\n",
      variable, pattern);
}
const std::string kFast = answers("products*", "gflops", "1e6");
const std::string kEager = answers("eager", "ms", "8");
const std::string kCompiled = answers("compiled", "ms", "2");

BenchResult compared(const std::string& python, Precision precision = Precision::float32) {
  Workload w = find_workloads("small").front();
  w.model.layers = 1;
  w.model.width = 64;
  w.model.context = 24;
  w.model.mlp.width = 32;
  w.train.batch = 3;
  w.model.precision = precision;
  return measure(w, {.rounds = 2, .round_seconds = 0, .python = python});
}

nlohmann::json torch_of(const BenchResult& result) {
  return nlohmann::json::parse(results_json({result}))["results"][0]["torch"];
}

}  // namespace

TEST_CASE("the ratio is against the faster of PyTorch's eager and compiled steps") {
  const TemporaryFolder folder;
  for (const auto& [compiled, best] : {std::pair{"2", 2.0}, {"16", 8.0}}) {
    const BenchResult r = compared(
        interpreter(folder, "MKL 2024.2", kFast + kEager + answers("compiled", "ms", compiled)));
    REQUIRE(r.torch.has_value());
    CHECK(r.torch->ratio == best / r.ms_per_step);
    const auto json = torch_of(r);
    CHECK(json["version"] == "9.9");
    CHECK(json["blas"] == "MKL 2024.2");
    CHECK(json["gemm_gflops"] == 1e6);
    CHECK(json["remedy"].is_null());
    CHECK(json["slowed"] == false);
    CHECK(json["eager_ms"] == 8);
    CHECK(json["compiled_ms"] == std::stod(compiled));
    CHECK(json["not_compiled"].is_null());
    CHECK(json["ratio"] == r.torch->ratio);
  }
}

TEST_CASE("a row in bfloat16 is compared with PyTorch in bfloat16") {
  const TemporaryFolder folder;
  const std::string python = interpreter(
      folder, "MKL 2024.2",
      kFast + kCompiled +
          "eager) case $2 in *bfloat16*) echo '{\"ms\": 4}' ;; *) echo '{\"ms\": 8}' ;; esac ;;");
  CHECK(compared(python).torch->eager_ms == 8);
  const BenchResult r = compared(python, Precision::bfloat16);
  CHECK(r.torch->eager_ms == 4);
  CHECK(r.torch->setup.bfloat16_gflops == 1e6);
  CHECK(r.plain_ratio.has_value());
}

TEST_CASE("where PyTorch cannot compile, its eager steps count and the reason is kept") {
  const TemporaryFolder folder;
  for (const auto& [how, reason] :
       {std::pair{answers("compiled", "problem", "\"no C++ compiler\""), "no C++ compiler"},
        {"compiled) exit 1 ;;", "torch.compile ended the process"}}) {
    const BenchResult r = compared(interpreter(folder, "MKL 2024.2", kFast + kEager + how));
    CHECK(r.torch->ratio == 8 / r.ms_per_step);
    const auto json = torch_of(r);
    CHECK(json["compiled_ms"].is_null());
    CHECK(json["not_compiled"] == reason);
  }
}

TEST_CASE("a slowed BLAS of PyTorch gets the remedy that helps") {
  const TemporaryFolder folder;
  const auto torch = [&](const std::string& blas, const std::string& rate) {
    return torch_of(compared(interpreter(folder, blas, rate + kEager + kCompiled)));
  };
  // A kernel that the processor cannot run ends the process, as HASWELL's turn shows.
  for (const auto& [blas, remedy, rate] :
       {std::tuple{"OpenBLAS 0.3.21", "OPENBLAS_CORETYPE=SKYLAKEX",
                   fast_with("OPENBLAS_CORETYPE", "SKYLAKEX")},
        {"OpenBLAS 0.3.21", "OPENBLAS_CORETYPE=HASWELL",
         "products*) case $OPENBLAS_CORETYPE in SKYLAKEX) kill -ILL $$ ;; HASWELL) echo "
         "'{\"gflops\": 1e6}' ;; *) echo '{\"gflops\": 1}' ;; esac ;;\n"},
        {"MKL 2024.2", "mkl_serv_intel_cpu_true preloaded",
         fast_with("LD_PRELOAD", "*/intel.so*")}}) {
    CAPTURE(remedy);
    if (std::string_view(blas).starts_with("MKL") && std::system("command -v cc > /dev/null")) {
      MESSAGE("skipped: MKL's remedy needs cc");
      continue;
    }
    const auto json = torch(blas, rate);
    CHECK(json["remedy"] == remedy);
    CHECK(json["gemm_gflops"] == 1e6);
    CHECK(json["gemm_gflops_before_remedy"] == 1);
    CHECK(json["slowed"] == false);
  }
  for (const char* blas : {"OpenBLAS 0.3.21", "MKL 2024.2", "reference BLAS"}) {
    CAPTURE(blas);
    const auto json = torch(blas, answers("products*", "gflops", "1"));
    CHECK(json["remedy"].is_null());
    CHECK(json["gemm_gflops"] == 1);
    CHECK(json["own_gemm_gflops"] > 1);
    CHECK(json["slowed"] == true);
  }
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  const BenchResult r = compared(interpreter(
      folder, "MKL 2024.2", fast_with("LD_PRELOAD", "*/intel.so*") + kEager + kCompiled));
  setenv("PATH", path.c_str(), 1);
  CHECK(r.torch->setup.remedy_needs == "a C compiler (cc)");
}

TEST_CASE("waiver bench --compare says what it compares with") {
  const TemporaryFolder folder;
  const auto output = [&](const std::string& blas, const std::string& cases) {
    const Ended ended =
        run_program({"bench", "bb", "--batch", "1", "--rounds", "1", "--round-seconds", "0",
                     "--compare", "--python", interpreter(folder, blas, cases)},
                    {.prepare = [] { setenv("COLUMNS", "1000", 1); }});
    CAPTURE(ended.output);
    CHECK(ended.status == 0);
    return ended.output;
  };
  const std::string remedied =
      output("OpenBLAS 0.3.21", fast_with("OPENBLAS_CORETYPE", "SKYLAKEX") + kEager + kCompiled);
  CAPTURE(remedied);
  CHECK(contains(remedied,
                 "  PyTorch 9.9: eager 8.00 ms per step, compiled 2.00 ms; the ratio is against "
                 "compiled.\n  Its float32 products (OpenBLAS 0.3.21) reach 1000000.0 GFLOP/s with "
                 "OPENBLAS_CORETYPE=SKYLAKEX, 1.0 without it.\n"));
  CHECK_FALSE(contains(remedied, "slowed"));
  const std::string slowed =
      output("reference BLAS",
             answers("products*", "gflops", "1") + kEager +
                 answers("compiled", "problem", "\"this version has no torch.compile\""));
  CAPTURE(slowed);
  CHECK(contains(slowed,
                 "  PyTorch 9.9: eager 8.00 ms per step, not compiled (this version has no "
                 "torch.compile); the ratio is against eager.\n  Its float32 products (reference "
                 "BLAS) reach 1.0 GFLOP/s.\n  PyTorch is slowed, so the ratio flatters: "));
  CHECK(contains(slowed, "apt-get install libopenblas0"));
}

TEST_CASE("steps of PyTorch itself, eager and compiled") {
  const char* given = std::getenv("WAIVER_TEST_PYTHON");
  const std::string python = given ? given : "/usr/bin/python3";
  if (std::system(fmt::format("'{}' -c 'import torch' 2> /dev/null", python).c_str()) != 0) {
    MESSAGE("skipped: no PyTorch for " << python << "; WAIVER_TEST_PYTHON names another one");
    return;
  }
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    const BenchResult r = compared(python, precision);
    REQUIRE(r.torch.has_value());
    CHECK(r.torch->setup.blas != "unknown BLAS");
    CHECK(r.torch->setup.gemm_gflops > 0);
    CHECK(r.torch->ratio > 0);
    CHECK(r.torch->compiled_ms.has_value() != r.torch->setup.not_compiled.has_value());
    if (r.torch->setup.not_compiled) MESSAGE("not compiled: " << *r.torch->setup.not_compiled);
  }
}

TEST_CASE("a comparison that cannot be made is refused with a sentence") {
  const TemporaryFolder folder;
  const auto refusal = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"bench", "bb", "--batch", "1"});
    const Ended ended = run_program(arguments);
    CHECK(ended.status == 2);
    return ended.output;
  };
  const auto with_torch = [&](const std::string& module) {
    std::ofstream(folder.path() / "torch.py") << module << "\n";
    setenv("PYTHONPATH", folder.path().c_str(), 1);
    const std::string output = refusal({"--compare"});
    unsetenv("PYTHONPATH");
    return output;
  };
  const auto check = [](const std::string& output, const std::string& part) {
    CAPTURE(output);
    CHECK(contains(output, part));
  };
  check(with_torch("raise ModuleNotFoundError(name='torch')"),
        "--compare: PyTorch is not installed for /usr/bin/python3. Install it in a virtual "
        "environment (pip install torch==2.13.0) and give its interpreter with --python, or "
        "install Debian's package for /usr/bin/python3: apt-get install python3-torch "
        "libopenblas0.\n");
  check(with_torch("raise ImportError('libgomp is missing')"),
        "--compare: /usr/bin/python3 cannot import torch: libgomp is missing. Try: "
        "/usr/bin/python3 -c 'import torch'.\n");
  check(refusal({"--compare", "--python", "/bin/false"}), "--compare: /bin/false does not run ");
  const std::string hint =
      ". Give the interpreter of a virtual environment in which PyTorch is installed, as in "
      "--python venv/bin/python3.\n";
  const std::string missing = folder.path() / "none", plain = folder.path() / "torch.py";
  CHECK(refusal({"--compare", "--python", missing}) ==
        fmt::format("--python: {} does not exist{}", missing, hint));
  for (const std::string& path : {plain, folder.path().string()})
    CHECK(refusal({"--compare", "--python", path}) ==
          fmt::format("--python: {} is not an executable file{}", path, hint));
  check(refusal({"--python", "/bin/false"}), "--python requires --compare");
  CHECK(run_program({"bench", "switches", "--compare"}).output ==
        "--compare: PyTorch is not timed with switches. Name another workload too, or leave "
        "--compare out.\n");
}
