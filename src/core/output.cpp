#include "core/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <system_error>

#include "core/error.h"
#include "core/stop.h"

namespace waiver {
namespace {

constexpr int kWait = 100;    // milliseconds
constexpr int kPatience = 3;  // waits for a stalled reader after a request to stop

// Returns 0, or the system's reason why `text` cannot be written. A write of PIPE_BUF bytes does
// not block where poll finds room, so a request to stop never waits for a reader.
int write_text(int descriptor, std::string_view text) {
  int waits = 0;
  while (!text.empty()) {
    pollfd room = {descriptor, POLLOUT, 0};
    if (poll(&room, 1, kWait) == 0) {
      if (stop_requested() && ++waits == kPatience) return ETIMEDOUT;
      continue;
    }
    const ssize_t n = write(descriptor, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN) return errno;
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

}  // namespace

void print_result(std::string_view text) {
  const int code = write_text(STDOUT_FILENO, text);
  if (code == ETIMEDOUT) check_stop();
  if (code != 0)
    throw Error("standard output",
                "the output cannot be written: " + std::generic_category().message(code));
}

void print_progress(std::string_view text) noexcept { write_text(STDOUT_FILENO, text); }
void print_error(std::string_view text) noexcept { write_text(STDERR_FILENO, text); }
void print_notice(std::string_view text) noexcept { write_text(STDERR_FILENO, text); }

int64_t terminal_width() {
  constexpr int64_t kUsual = 80, kLeast = 20, kMost = 10000;
  if (const char* set = std::getenv("COLUMNS"))
    if (const int64_t columns = std::atoll(set); columns > 0)
      return std::clamp(columns, kLeast, kMost);
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      // Opened the wrong way round, so that using it still fails.
      open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace waiver
