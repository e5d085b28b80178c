#include "autograd/profile.h"

#include <algorithm>

namespace waiver {

void Profile::start() {
  running_ = true;
  loops_ = {};
  count_tiles(&loops_);
  last_ = Clock::now();
}

void Profile::mark(std::string_view name, Pass pass) {
  const Clock::time_point now = Clock::now();
  auto entry = std::ranges::find_if(
      entries_, [&](const Entry& e) { return e.name == name && e.pass == pass; });
  if (entry == entries_.end()) entry = entries_.insert(entry, {name, pass, 0, {}});
  entry->seconds += std::chrono::duration<double>(now - last_).count();
  entry->loops += loops_;
  loops_ = {};
  last_ = now;
}

void Profile::stop() {
  if (running_) count_tiles(nullptr);
  running_ = false;
}

}  // namespace waiver
