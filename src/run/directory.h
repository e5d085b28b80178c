#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "autograd/profile.h"
#include "config/config.h"
#include "core/files/json.h"
#include "core/ranks/ranks.h"
#include "run/identity.h"

namespace waiver {

/// The file of a run's folder that says what selects the waiver at each of its checkpoints.
inline constexpr char kMechanismFile[] = "mechanism.h5";

/// What a run is made from and where it goes.
struct RunPlan {
  std::vector<std::string> overrides;  // as given on the command line
  std::string directory;
  bool resume = false;  // continue from the newest good checkpoint; start afresh if there is none
  bool overwrite = false;  // first remove what is there
};

/// The folder of one run, held by one process at a time. identity.json makes it a run's: it is
/// written first and removed last, so a folder that lacks it is somebody else's.
class RunDirectory {
 public:
  /// Creates it, or opens it where plan.resume is set and config and data are the same. Throws
  /// UsageError where there already is a run, or something that is not a run, or another process
  /// holds it. With plan.overwrite only what this program wrote is removed.
  RunDirectory(const RunPlan& plan, const Config& config, const DataRecord& data);

  /// How this process reaches a file of the run: through the open folder, and so even after that is
  /// renamed and another takes its name. `readable` turns a text with such paths into one for
  /// people.
  std::filesystem::path path(std::string_view name) const { return held() / name; }
  std::string readable(const std::string& text) const;
  /// The current name of the folder. Throws Error where it is gone.
  std::filesystem::path folder() const;
  bool resumed() const { return resumed_; }
  /// The identity of the run; its log and checkpoints carry the same.
  const std::string& identity() const { return identity_; }
  /// Contents of the folder that this program did not write.
  std::vector<std::string> foreign() const;
  /// Marks the run as continuing from `step`, with the status `running` from now on. Any objection
  /// must be raised before this call, so that an existing run is left as it was.
  void begin(const Config& config, int64_t step, const Ranks& ranks = no_other_ranks());
  /// Adds to this machine's facts in environment.json how long the operations of an update took,
  /// the mean over so many: {milliseconds_an_update: {OP: {forward, backward, around}}}.
  void record_times(const Profile& profile, int64_t updates) const;
  /// Whether this process may set the status; always for a new run.
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
  void record_environment(int64_t from_step, const Ranks& ranks) const;
  Json environment() const;

  std::filesystem::path folder_;
  std::string identity_;
  DataRecord data_;
  bool resumed_ = false, begun_ = false;
  Lock lock_;
};

/// Throws UsageError where the run in `directory` was started with another config. One that differs
/// only in train.steps is the same run made longer or shorter, provided that the schedule gives the
/// steps already made the same learning rate.
void check_same_config(const std::filesystem::path& directory, const Config& config);
/// Whether it was started with this config, but for savers (identity.h).
bool is_same_config(const std::filesystem::path& directory, const Config& config);

/// Whether a folder is that of a run.
bool is_run(const std::filesystem::path& directory);

/// Whether another process is working in it.
bool is_held(const std::filesystem::path& directory);

/// The first word of a run's status file: running, failed, stopped, done; empty where there is no
/// run.
std::string run_status(const std::string& directory);
/// What follows it: why the run failed, or where it stopped.
std::string run_status_reason(const std::string& directory);

}  // namespace waiver
