#pragma once

#include <chrono>
#include <filesystem>

#include "experiment/config.h"
#include "experiment/log.h"
#include "probe/prober.h"
#include "train/trainer.h"

namespace waiver {

/// The axes that series of a run have.
Log::Axes log_axes(const Config& config);
/// A new log with these axes.
Log new_log(const std::filesystem::path& path, const Config& config);
/// Declares what the prober measures, and how many queries see each key.
void define_probe(Log& log, const Prober& prober);
/// What a probe found, as a row.
Log::Row row_of(const Prober::Values& values);

/// The log of one run: which series there are, and what goes into them. Rows of /train hold the
/// loss before the update of their step; /eval and /probe the model after that many updates.
class RunLog {
 public:
  /// A new log, or for `from_step` > 0 the one that is there, cut back to the steps before it.
  RunLog(const std::filesystem::path& path, const Config& config, const Prober& prober,
         int64_t from_step);

  void train(int64_t step, const StepReport& report);
  void validation(int64_t step, double loss);
  void timing(int64_t step, double seconds, double tokens_per_second, double probe_seconds);
  void probe(int64_t step, const Prober& prober);
  void snapshot(int64_t step, const Prober& prober);

  Log& log() { return log_; }
  void flush();
  /// Flushes unless that would take more than a fiftieth of the time.
  void flush_when_cheap();

 private:
  using Clock = std::chrono::steady_clock;
  Log log_;
  Clock::time_point flushed_ = Clock::now();
  Clock::duration flush_took_{};
};

}  // namespace waiver
