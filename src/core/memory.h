#pragma once

#include <cstdint>

namespace waiver {

/// How much memory this process may use, in bytes: the least of what the machine has, what its
/// control group is granted, and its address space limit (ulimit -v).
int64_t memory_limit();
/// How much it uses now.
int64_t resident();

/// From now on large blocks that are freed go back to the system at once.
void return_freed_memory();

/// The peak memory of this process, in bytes; and starting the count afresh, where the system
/// allows it.
int64_t peak_resident();
void reset_peak_resident();

}  // namespace waiver
