#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace waiver {

/// How a child process ended.
struct ChildEnd {
  int status = 0;         // its exit status; 128 + n for signal n
  std::string last_line;  // of its output; empty where it wrote nothing
};

/// Work that child processes do, a task each. The functions are called in this process.
struct ChildTasks {
  size_t count = 0;
  int64_t side_by_side = 1;
  int64_t threads = 1;  // of all that run at a time: at least side_by_side
  /// The program of a task and its arguments, for so many threads.
  std::function<std::vector<std::string>(size_t task, int64_t threads)> command;
  std::function<void(size_t task, const std::string& line)> wrote;
  std::function<void(size_t task, const ChildEnd& end)> ended;
};

/// Runs the tasks in order, some side by side; each gets an equal share of the threads that are
/// free. One that fails does not stop the others. When a stop is requested no more are started,
/// those at work are asked to stop, and once all have ended Stopped is thrown. Children are asked
/// to stop, too, when this process is killed.
void run_children(const ChildTasks& tasks);

}  // namespace waiver
