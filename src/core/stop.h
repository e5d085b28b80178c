#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

namespace waiver {

/// The work was given up because a signal asked for it; a sentence that says how far it is. It is
/// no Error, so that nothing that works around a failure takes it for one.
struct Stopped : std::runtime_error {
  static constexpr int kStatus = 3;  // the exit status of the program
  using std::runtime_error::runtime_error;
};

namespace stop {
inline std::atomic<int> signal = 0;  // the first that asked; 0: none did
inline std::atomic<int> held = 0;
}  // namespace stop

/// From now on the work is to stop, for `signal` asked for it.
void request_stop(int signal);
inline bool stop_requested() { return stop::signal.load(std::memory_order_relaxed) != 0; }

/// Whether work must be left now: a stop is requested and nothing holds it off.
inline bool stop_due() {
  return stop_requested() && stop::held.load(std::memory_order_relaxed) == 0;
}
/// Throws Stopped where that is so. Loops over tiles look between tiles; whatever else may take
/// longer than a second or waits for others calls this in between.
void check_stop();

/// Holds a stop off while it lives: what must be done as a whole, or not at all.
class Uninterrupted {
 public:
  Uninterrupted() { ++stop::held; }
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;
  ~Uninterrupted() { --stop::held; }
};

}  // namespace waiver
