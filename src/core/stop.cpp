#include "core/stop.h"

#include <cstring>

namespace waiver {

void request_stop(int signal) {
  int none = 0;
  stop::signal.compare_exchange_strong(none, signal);
}

void check_stop() {
  if (stop_due())
    throw Stopped(std::string("stopped by SIG") + sigabbrev_np(stop::signal) +
                  " before it was done.");
}

}  // namespace waiver
