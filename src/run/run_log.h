#pragma once

#include <chrono>
#include <filesystem>

#include "config/config.h"
#include "probe/mechanism/mechanism.h"
#include "probe/prober.h"
#include "run/log_file.h"
#include "train/trainer.h"

namespace waiver {

/// The series of /train, /eval and /timing; those of /probe are the prober's.
std::vector<SeriesSpec> training_series(const Objective& objective);
/// The axes of a run's series. Data that is not open may lack roles whose names come from files.
Log::Axes log_axes(const Config& config, const Dataset& data);
/// A new log with these axes and `more`, and the precision and this machine's unit for it as
/// attributes.
Log new_log(const std::filesystem::path& path, const Config& config, const Dataset& data,
            const std::string& identity = {}, const Log::Axes& more = {});
/// Declares the series that the prober measures, and writes how many queries see each key, and the
/// names of roles where the data has some: /roles/query_role_name, key_role_name.
void define_probe(Log& log, const Prober& prober);
/// Writes /probe/position_name: the token of each position, where all probe sequences have the
/// same.
void name_positions(Log& log, const Prober& prober);
/// Declares the attention maps, and writes the tokens of the first probe sequence beside them.
void define_snapshots(Log& log, const Prober& prober);
/// The results of a probe, as a row.
Log::Row row_of(const Prober::Values& values);
/// Numbers by name, as a row. REQUIRES: they outlive it.
Log::Row row_of(const std::vector<std::pair<std::string, double>>& numbers);

/// Where a run starts or continues.
struct LogStart {
  int64_t step = 0;
  std::string identity;  // of the run
  std::string digest;    // of the rows before `step`, as the checkpoint has it; empty: not known
};

/// The log of one run: which series there are, and what goes into them. Rows of /train hold the
/// loss before the update of their step; /eval and /probe the model after that many updates.
class RunLog {
 public:
  /// A new log, or for a step above 0 the existing one, cut back to the steps before it. Throws
  /// UsageError where the existing log is another run's, or its rows before the step do not match
  /// the digest; nothing is replaced then.
  RunLog(const std::filesystem::path& path, const Config& config, const Prober& prober,
         const LogStart& start);

  void train(int64_t step, const StepReport& report);
  void validation(int64_t step, double loss);
  void timing(int64_t step, double seconds, double tokens_per_second, double probe_seconds);
  void probe(int64_t step, const Prober& prober);
  void snapshot(int64_t step, const Prober& prober);
  void mechanism(int64_t step, const Mechanism& found);

  Log& log() { return log_; }
  /// The unit that multiplied the bfloat16 numbers before, where it is not this machine's.
  const std::string& other_unit() const { return other_unit_; }
  /// `path` is the log's current path: a run's folder may be renamed while it works.
  void flush(const std::filesystem::path& path);
  /// Flushes unless that would take more than a fiftieth of the time.
  void flush_when_cheap(const std::filesystem::path& path);

 private:
  using Clock = std::chrono::steady_clock;
  std::string other_unit_;
  Log log_;
  Clock::time_point flushed_ = Clock::now();
  Clock::duration flush_took_{};
};

}  // namespace waiver
