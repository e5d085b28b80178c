#include "core/memory.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace waiver {
namespace {

// The files with the limits of this process's control group and of its ancestors (`max`: none).
std::vector<std::string> memory_groups() {
  std::vector<std::string> out = {"/sys/fs/cgroup/memory/memory.limit_in_bytes"};
  std::ifstream own("/proc/self/cgroup");  // of version 2: `0::/PATH`
  for (std::string line; std::getline(own, line);) {
    if (!line.starts_with("0::/")) continue;
    for (std::string path = line.substr(3);; path.erase(path.rfind('/'))) {
      out.push_back("/sys/fs/cgroup" + (path == "/" ? "" : path) + "/memory.max");
      if (path.empty() || path == "/") break;
    }
  }
  return out;
}

int64_t status_bytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stoll(line.substr(field.size())) * 1024;
  return 0;
}

}  // namespace

int64_t shared_memory_limit() {
  int64_t least = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  for (const std::string& group : memory_groups())
    if (int64_t bytes = 0; std::ifstream(group) >> bytes) least = std::min(least, bytes);
  return least;
}

int64_t memory_limit() {
  int64_t least = shared_memory_limit();
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur < static_cast<rlim_t>(least)) {
    // That limit counts what libraries and stacks reserve without using it.
    const int64_t reserved = status_bytes("VmSize:") - status_bytes("VmRSS:");
    least = std::max<int64_t>(0, static_cast<int64_t>(addresses.rlim_cur) - reserved);
  }
  return least;
}

int64_t resident() { return status_bytes("VmRSS:"); }
int64_t peak_resident() { return status_bytes("VmHWM:"); }

// glibc raises the size from which blocks go back at once as such blocks are freed, up to 32 MiB,
// and keeps what lies below others.
void return_freed_memory() { mallopt(M_MMAP_THRESHOLD, 16 << 20); }

void reset_peak_resident() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace waiver
