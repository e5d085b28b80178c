#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

namespace waiver {

/// Work was abandoned because a signal asked for it; a sentence that says how far it got. Not an
/// Error, so that code that recovers from failures does not mistake it for one.
struct Stopped : std::runtime_error {
  static constexpr int kStatus = 3;  // the exit status of the program
  using std::runtime_error::runtime_error;
};

namespace stop {
inline std::atomic<int> signal = 0;  // the first that requested a stop; 0: none
inline std::atomic<int> held = 0;
}  // namespace stop

/// Requests that work stop, on behalf of `signal`.
void request_stop(int signal);
inline bool stop_requested() { return stop::signal.load(std::memory_order_relaxed) != 0; }

/// Whether work must stop now: a stop is requested and nothing holds it off.
inline bool stop_due() {
  return stop_requested() && stop::held.load(std::memory_order_relaxed) == 0;
}
/// Throws Stopped if so. Loops over tiles check between tiles; anything else that may take longer
/// than a second or waits for others calls this in between.
void check_stop();

/// Holds off a stop while it lives, for work that must be done whole or not at all.
class Uninterrupted {
 public:
  Uninterrupted() { ++stop::held; }
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;
  ~Uninterrupted() { --stop::held; }
};

/// Lifts what holds off a stop while it lives, for a part of such work that may be given up.
class Interruptible {
 public:
  Interruptible() : held_(stop::held.exchange(0)) {}
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  ~Interruptible() { stop::held += held_; }

 private:
  int held_;
};

}  // namespace waiver
