#include "core/signals.h"

#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include "core/stop.h"

namespace waiver {
namespace {

using Clock = std::chrono::steady_clock;
// Often both the terminal and a wrapping program pass on the same Ctrl-C.
constexpr auto kOneRequest = std::chrono::seconds(1);

struct Before {
  bool taken = false;
  sigset_t mask{};
  struct sigaction pipe {};
};
Before before;

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

[[noreturn]] void end_by(int signal) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  std::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(signal);
  std::_Exit(128 + signal);
}

[[noreturn]] void wait_for(sigset_t signals) {
  Clock::time_point first;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (!stop_requested()) {
      first = Clock::now();
      request_stop(signal);
    } else if (signal == SIGINT && Clock::now() - first > kOneRequest) {
      end_by(signal);
    }
  }
}

}  // namespace

void take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1})
    if (!is_ignored(signal)) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, &before.mask);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before.pipe);
  before.taken = true;
  try {
    std::thread(wait_for, signals).detach();
  } catch (const std::system_error&) {
    // Without a thread to wait for them, signals end the process as they would any other.
    pthread_sigmask(SIG_SETMASK, &before.mask, nullptr);
  }
}

void restore_signals() {
  if (!before.taken) return;
  sigaction(SIGPIPE, &before.pipe, nullptr);
  pthread_sigmask(SIG_SETMASK, &before.mask, nullptr);
}

}  // namespace waiver
