#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace waiver {

/// What tells the code of this program from that of another: 16 hexadecimal digits of the SHA-256
/// of the sources that results come from, those of src/ without the command line and the benchmark.
std::string code_digest();

/// Facts about this program and this machine, by name, in a fixed order: version, code, compiler
/// and flags, processor, instruction set of the program and of oneDNN, library versions, threads.
std::vector<std::pair<std::string, std::string>> machine_facts();

/// The most important of them on one line: `waiver 0.1.0 · 2 threads · AVX-512`.
std::string machine_line();

/// How many processors this process may run on, or is granted the time of in a container.
int available_processors();

/// What makes this machine slower than it need be, as sentences; empty when nothing is.
std::vector<std::string> machine_warnings();

}  // namespace waiver
