#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace waiver {

/// How far the runs of a sweep are, all together: a bar on a terminal; elsewhere a line for each
/// twentieth of the work, and in both a line for each run that ends.
class SweepProgress {
 public:
  struct Run {
    std::string name;
    int64_t steps = 0, done = 0;  // done: before this sweep
    double work = 0;              // of all its steps, in any unit that all runs share
  };
  /// `finished`: how many more runs the sweep has, which are done already.
  SweepProgress(std::vector<Run> runs, size_t finished);
  SweepProgress(const SweepProgress&) = delete;
  SweepProgress& operator=(const SweepProgress&) = delete;
  ~SweepProgress();

  void at_step(size_t run, int64_t step);
  /// What became of a run: `done, validation loss 1.9`.
  void ended(size_t run, const std::string& outcome);

 private:
  using Clock = std::chrono::steady_clock;
  double share() const;
  std::string time_left() const;
  std::string text() const;
  void show(bool milestone);
  void clear_bar();

  std::vector<Run> runs_;
  std::vector<int64_t> steps_;
  std::vector<bool> ended_;
  size_t finished_, over_ = 0;
  bool terminal_, bar_ = false;
  double told_ = 0;  // the share that the last line told
  Clock::time_point begun_ = Clock::now();
};

}  // namespace waiver
