#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace waiver {

/// Facts about this program and this machine, by name, in a fixed order: version, compiler and
/// flags, processor, instruction set of the program and of oneDNN, library versions, threads.
std::vector<std::pair<std::string, std::string>> machine_facts();

/// The most important of them in one line: `waiver 0.1.0 · 2 threads · AVX-512`.
std::string machine_line();

/// How many processors this process may run on, or has the time of in a container.
int available_processors();

/// How much memory this process may have, in bytes: the least of what the machine has, what its
/// control group is granted, and its address space limit (ulimit -v).
int64_t memory_limit();
/// What it has now.
int64_t resident();

/// The most memory that this process had at once, in bytes; and from now on, where the system
/// lets it be counted anew.
int64_t peak_resident();
void reset_peak_resident();

/// What makes this machine slower than it need be, as sentences; empty when nothing is known.
std::vector<std::string> machine_warnings();

}  // namespace waiver
