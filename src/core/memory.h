#pragma once

#include <cstdint>

namespace waiver {

/// How much memory this process and others together may use, in bytes: what the machine has, or its
/// control group is granted, whatever is less.
int64_t shared_memory_limit();
/// How much this process may use: as much, or less by its address space limit (ulimit -v).
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
