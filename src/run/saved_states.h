#pragma once

#include <filesystem>
#include <string>

#include "config/config.h"
#include "run/console.h"
#include "run/crew.h"
#include "run/directory.h"
#include "run/run_log.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

namespace waiver {

/// The states of a run that its folder keeps, as checkpoints: which one training begins with, and
/// when the next is due.
class SavedStates {
 public:
  /// What is saved, where, and who is told; they outlive this.
  struct Of {
    const Config& config;
    const Dataset& data;
    Transformer& model;
    Trainer& trainer;
    Crew& crew;
    RunDirectory& directory;
    Console& console;
  };
  explicit SavedStates(const Of& of) : of_(of) {}

  /// All ranks take over the newest checkpoint that loads; without one, the weights that train.from
  /// names or new ones, at step 0. Says which. Throws UsageError where the newest is another run's
  /// or past train.steps, Error where there are some and none loads.
  CheckpointInfo restore(bool resume);

  bool due(int64_t step) const;
  /// The step of the newest; −1 where none was saved or loaded.
  int64_t last() const { return last_; }
  /// Saves the state after `step` updates, after the log, which so never lags behind, and removes
  /// old ones. Throws NotFinite, saving nothing, where a number of it is NaN or infinite.
  void save(int64_t step, RunLog& log);
  /// Removes what is too old at `step`: a process that is killed as it saves leaves it behind.
  void prune(int64_t step) const;
  /// Throws NotFinite where a number of the state is NaN or infinite.
  void check(int64_t step);
  /// Saves the weights before a step that failed into failed/, where they are finite. Returns a
  /// sentence: where they are, and which checkpoint is the last good one.
  std::string save_failed(int64_t step, RunLog& log);

 private:
  std::filesystem::path checkpoints() const { return of_.directory.path("checkpoints"); }
  CheckpointInfo begin();
  CheckpointInfo load(const std::filesystem::path& checkpoint);
  void check_own(const std::filesystem::path& checkpoint, const CheckpointInfo& info) const;
  Trainer::WholeState whole();
  void spread(const Trainer::WholeState& state);
  std::filesystem::path write(const char* folder, int64_t step, RunLog& log,
                              const Trainer::WholeState& state) const;

  Of of_;
  int64_t last_ = -1;
};

}  // namespace waiver
