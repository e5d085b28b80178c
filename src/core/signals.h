#pragma once

namespace waiver {

/// From now on HUP, INT, TERM and USR1 request a stop (core/stop.h), except those already ignored,
/// as HUP is under nohup; an INT more than a second after the first request ends the process at
/// once. Writing to a closed pipe fails with an error instead of ending the process. A dedicated
/// thread waits for the signals, and no handler ever runs: oneDNN's sgemm kernels let the stack
/// pointer point into the heap, where the frame of a handler would overwrite memory
/// (uxlfoundation/oneDNN#4845). REQUIRES: called once, before any other thread starts; later
/// threads inherit the blocked signals.
void take_signals();

/// Between fork and exec: restores the signals to what they were before `take_signals`.
void restore_signals();

}  // namespace waiver
