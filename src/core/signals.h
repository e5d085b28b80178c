#pragma once

namespace waiver {

/// From now on HUP, INT, TERM and USR1 request a stop (core/stop.h), but for those that are ignored
/// already, as HUP is under nohup; an INT more than a second after the first request ends the
/// process at once. A write to a closed pipe fails and ends nothing. One thread of its own waits
/// for the signals, and no handler ever runs: oneDNN's sgemm kernels let the stack pointer point
/// into the heap, where the frame of a handler would overwrite memory (uxlfoundation/oneDNN#4845).
/// REQUIRES: called once, before any other thread starts; later threads inherit that the signals
/// are blocked.
void take_signals();

/// Between fork and exec: the signals are as they were before `take_signals`.
void restore_signals();

}  // namespace waiver
