#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "core/threads.h"

namespace waiver {

/// Adds up where the time of steps goes. Time is cut at the marks, and each piece is booked under
/// the mark that ends it, so the entries add up to the time from `start` to the last mark.
class Profile {
 public:
  enum Pass { forward, backward, around };  // around: neither, such as the optimizer
  struct Entry {
    std::string_view name;
    Pass pass;
    double seconds = 0;
    TileLoops loops;
  };

  Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  ~Profile() { stop(); }

  /// Begins a step. Only one profile runs at a time.
  void start();
  /// Books the time since the previous mark under `name`. REQUIRES: `name` stays valid.
  void mark(std::string_view name, Pass pass);
  void stop();
  /// In the order of their first mark.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_;
  TileLoops loops_;
  bool running_ = false;
  std::vector<Entry> entries_;
};

}  // namespace waiver
