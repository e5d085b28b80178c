#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/config.h"
#include "run/identity.h"

namespace waiver {

/// What a run is made from and where it goes.
struct RunPlan {
  std::vector<std::string> overrides;  // as given on the command line
  std::string directory;
  bool resume = false;     // go on from the newest good checkpoint; start when there is none
  bool overwrite = false;  // remove what is there first
};

/// The folder of one run, held by one process at a time. identity.json makes it a run's: it is
/// written first and removed last, so a folder that lacks it is somebody else's.
class RunDirectory {
 public:
  /// Creates it, or opens it where plan.resume and config and data are the same. Throws UsageError
  /// where a run is there already, or something that is no run, or another process holds it. With
  /// plan.overwrite only what this program wrote is removed.
  RunDirectory(const RunPlan& plan, const Config& config, const DataRecord& data);

  /// How this process reaches a file of the run: through the open folder, and so also once that is
  /// renamed and another has its name. `readable` makes of a text with such paths one for people.
  std::filesystem::path path(std::string_view name) const { return held() / name; }
  std::string readable(const std::string& text) const;
  /// What the folder is called now. Throws Error where it is gone.
  std::filesystem::path folder() const;
  bool resumed() const { return resumed_; }
  /// Of the run; its log and its checkpoints carry the same.
  const std::string& identity() const { return identity_; }
  /// What lies in it and was there before the run: nothing of this program's.
  std::vector<std::string> foreign() const;
  /// The run goes on from `step`: its status is `running` from now on. Whatever speaks against it
  /// is to be found before, for then a run that was there is as it was.
  void begin(const Config& config, int64_t step);
  /// Whether the status is this process's to tell: of a new run always.
  bool begun() const { return begun_; }
  void set_status(const std::string& status) const;

 private:
  struct Lock {  // held while it lives
    int descriptor = -1;
    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();
  };
  void open(const DataRecord& data);
  void create(const RunPlan& plan, const Config& config, const DataRecord& data);
  void lock();
  std::filesystem::path held() const;
  // Adds this machine's facts to environment.json.
  void record_environment(int64_t from_step) const;

  std::filesystem::path folder_;
  std::string identity_;
  DataRecord data_;
  bool resumed_ = false, begun_ = false;
  Lock lock_;
};

/// Throws UsageError where the run in `directory` was begun with another config. One that differs
/// in train.steps alone is the same run, to be made longer or shorter, where the schedule gives the
/// steps that it has made the same learning rate.
void check_same_config(const std::filesystem::path& directory, const Config& config);
/// Whether it was begun with exactly this config.
bool is_same_config(const std::filesystem::path& directory, const Config& config);

/// Whether a folder is that of a run.
bool is_run(const std::filesystem::path& directory);

/// The first word of a run's status file: running, failed, stopped, done; empty where there is no
/// run.
std::string run_status(const std::string& directory);

}  // namespace waiver
