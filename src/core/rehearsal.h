#pragma once

#include <cstdint>

namespace waiver {

/// While one lives, this thread only goes through the motions, to learn how much memory a pass
/// would take: loops over tiles call nothing, and arenas hand out addresses that cost no memory
/// until they are written to. What arenas hand out is counted; values are meaningless.
class Rehearsal {
 public:
  /// Arenas throw TooLarge once they have handed out more than `most` bytes.
  explicit Rehearsal(int64_t most);
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;
  ~Rehearsal();

  /// Counts what an arena hands out, or other memory that a real pass would take. REQUIRES:
  /// rehearsing().
  static void take(int64_t bytes);
  /// No longer counts so many bytes that were taken. REQUIRES: rehearsing().
  static void give_back(int64_t bytes);
  /// Counts scratch memory (scratch.h) of this many bytes in use at a time.
  static void take_scratch(int64_t bytes);
  int64_t taken() const { return taken_; }

 private:
  int64_t most_, taken_ = 0, scratch_ = 0;
  Rehearsal* outer_;
};

/// Whether this thread is in a rehearsal.
bool rehearsing();

}  // namespace waiver
