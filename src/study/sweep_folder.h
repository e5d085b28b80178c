#pragma once

#include <filesystem>

#include "study/record.h"

namespace waiver {

/// Throws UsageError where the folder is neither empty nor a sweep's, or where a sweep is already
/// there and may not be continued. One with nothing but records is as good as empty.
void check_sweep_folder(const std::filesystem::path& folder, bool may_continue);

/// Throws UsageError where the sweep there has a run that the study lacks: a sweep may grow, but
/// its runs may not disappear from view.
void check_same_study(const Study& study, const std::filesystem::path& folder);

/// Throws UsageError where the run in the sweep's folder was made with another config or other
/// data.
void check_same_run(const std::filesystem::path& folder, const StudyRun& run,
                    const DataRecord& data);

/// Makes the folder a sweep's, with the list of its runs and the study's file. Several processes
/// may do so at a time.
void begin_sweep(const Study& study, const std::filesystem::path& folder);

/// Holds a sweep's folder for one process at a time, for writing what several may write.
class SweepLock {
 public:
  /// Waits for it. REQUIRES: the folder is there.
  explicit SweepLock(const std::filesystem::path& folder);
  SweepLock(const SweepLock&) = delete;
  SweepLock& operator=(const SweepLock&) = delete;
  ~SweepLock();

 private:
  int descriptor_;
};

}  // namespace waiver
