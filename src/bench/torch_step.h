#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bench/blas_remedy.h"
#include "bench/workloads.h"

namespace waiver {

/// PyTorch as it runs beside a bench.
struct TorchSetup {
  std::string version;
  std::string blas;                              // multiplies float32 matrices
  double gemm_gflops = 0;                        // of large products in float32, the best measured
  double own_gflops = 0;                         // of this program's
  std::optional<double> bfloat16_gflops = {};    // of products in bfloat16, for a row in bfloat16
  std::optional<std::string> remedy = {};        // what its BLAS needs to be fast here
  std::optional<double> gflops_before = {};      // without the remedy
  std::optional<std::string> remedy_needs = {};  // what a remedy lacks to be tried
  std::optional<std::string> not_compiled = {};  // why it makes no compiled steps, in a few words

  /// Further behind than two good libraries are.
  bool slowed() const { return gemm_gflops < 0.7 * own_gflops; }
};

/// A PyTorch process that makes training steps of the same model, eager and compiled:
/// scripts/torch_step.py. Where its BLAS is slowed and a remedy helps, it runs with the remedy. It
/// idles between requests.
class TorchStep {
 public:
  /// Throws UsageError where the interpreter has no PyTorch.
  TorchStep(const Workload& workload, const std::string& python);
  ~TorchStep();

  /// Measures the rates of PyTorch's products and ours once more; the best of each counts.
  void measure_products();
  /// Makes the first steps, which allocate and compile.
  void warm_up();
  /// Make one step and return its milliseconds.
  double eager_step() { return step("eager"); }
  double compiled_step() { return step("compiled"); }
  const TorchSetup& setup() const { return setup_; }

 private:
  struct Process;
  std::unique_ptr<Process> start(const std::optional<BlasRemedy>& remedy) const;
  void apply_remedy();
  double step(const char* how);

  std::string python_, model_;
  TorchSetup setup_;
  std::optional<BlasRemedy> remedy_;
  std::unique_ptr<Process> process_;
};

}  // namespace waiver
