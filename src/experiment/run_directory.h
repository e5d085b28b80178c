#pragma once

#include <filesystem>
#include <string>

#include "experiment/config.h"
#include "experiment/run.h"

namespace waiver {

/// The folder of one run, held by one process at a time.
class RunDirectory {
 public:
  /// Creates it, or opens it where plan.resume and the config is the same one. Throws UsageError
  /// where a run is there already, or something that is no run, or another process holds it.
  RunDirectory(const RunPlan& plan, const Config& config);

  std::filesystem::path path(std::string_view name) const { return folder_ / name; }
  bool resumed() const { return resumed_; }
  void set_status(const std::string& status) const;
  /// Adds this machine's facts to environment.json.
  void record_environment(int64_t from_step) const;

 private:
  struct Lock {  // held while it lives
    int descriptor = -1;
    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();
  };
  void create(const RunPlan& plan, const std::string& config);
  void lock();

  std::filesystem::path folder_;
  bool resumed_ = false;
  Lock lock_;
};

/// Throws UsageError where the run in `directory` was begun with another config.
void check_same_config(const std::filesystem::path& directory, const Config& config);

}  // namespace waiver
