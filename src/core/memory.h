#pragma once

#include <cstdint>

namespace waiver {

/// How much memory this process may have, in bytes: the least of what the machine has, what its
/// control group is granted, and its address space limit (ulimit -v).
int64_t memory_limit();
/// What it has now.
int64_t resident();

/// The most memory that this process had at once, in bytes; and from now on, where the system
/// lets it be counted anew.
int64_t peak_resident();
void reset_peak_resident();

}  // namespace waiver
