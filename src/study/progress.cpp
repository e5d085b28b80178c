#include "study/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/output.h"
#include "run/console.h"

namespace waiver {

SweepProgress::SweepProgress(std::vector<Run> runs, size_t finished)
    : runs_(std::move(runs)),
      steps_(runs_.size()),
      ended_(runs_.size()),
      finished_(finished),
      terminal_(isatty(STDOUT_FILENO) != 0) {
  for (size_t i = 0; i < runs_.size(); ++i) steps_[i] = runs_[i].done;
}

SweepProgress::~SweepProgress() { clear_bar(); }

void SweepProgress::clear_bar() {
  if (bar_) print_progress(kNoBar);
  bar_ = false;
}

void SweepProgress::at_step(size_t run, int64_t step) {
  steps_[run] = std::clamp(step, steps_[run], runs_[run].steps);
  constexpr double kMilestone = 0.05;
  show(share() >= told_ + kMilestone);
}

void SweepProgress::ended(size_t run, const std::string& outcome) {
  steps_[run] = runs_[run].steps;
  ended_[run] = true;
  ++over_;
  clear_bar();
  const std::string left = time_left();
  print_progress(fmt::format("[{}/{}] {}: {}{}\n", finished_ + over_, finished_ + runs_.size(),
                             runs_[run].name, outcome, left.empty() ? "" : " · " + left));
  told_ = share();
  show(false);
}

// Of the work that this sweep has to do.
double SweepProgress::share() const {
  double all = 0, made = 0;
  for (size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    const double of_step = run.work / static_cast<double>(std::max<int64_t>(1, run.steps));
    all += of_step * static_cast<double>(run.steps - run.done);
    made += of_step * static_cast<double>(steps_[i] - run.done);
  }
  return all > 0 ? made / all : static_cast<double>(over_) / static_cast<double>(runs_.size());
}

std::string SweepProgress::time_left() const {
  const double made = share();
  if (over_ == runs_.size() || made <= 0) return "";
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  return fmt::format("about {} left", duration_text(seconds / made * (1 - made)));
}

std::string SweepProgress::text() const {
  std::string text = fmt::format("{} of {} runs done", finished_ + over_, finished_ + runs_.size());
  if (const std::string left = time_left(); !left.empty()) text += ", " + left;
  for (size_t i = 0; i < runs_.size(); ++i)
    if (!ended_[i] && steps_[i] > runs_[i].done)
      text += fmt::format("  {} {}/{}", runs_[i].name, steps_[i], runs_[i].steps);
  return text;
}

void SweepProgress::show(bool milestone) {
  if (over_ == runs_.size()) return;
  if (terminal_) {
    print_progress(bar_text(share(), text()));
    bar_ = true;
  } else if (milestone) {
    told_ = share();
    print_progress(fmt::format("{:.0f} %: {}\n", 100 * told_, text()));
  }
}

}  // namespace waiver
