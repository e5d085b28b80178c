#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>

#include "bench/workloads.h"

namespace waiver {

/// A PyTorch process that makes training steps of the same model: scripts/torch_step.py. It idles
/// between requests.
class TorchStep {
 public:
  /// Throws UsageError where PyTorch is missing.
  explicit TorchStep(const Workload& workload);

  /// Makes one step and returns its milliseconds.
  double step();
  const std::string& version() const { return version_; }
  /// The rate of PyTorch's own large matrix product, in GFLOP/s.
  double gemm_rate() const { return gemm_rate_; }

 private:
  struct Process {  // ended with this
    pid_t id;
    explicit Process(pid_t process) : id(process) {}
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();
  };
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string read_line();

  std::unique_ptr<Process> process_;  // outlives the connection
  std::unique_ptr<std::FILE, Close> connection_;
  std::string version_;
  double gemm_rate_ = 0;
};

}  // namespace waiver
