#include "experiment/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace waiver {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string summary(const Console::Progress& p) {
  std::string text =
      fmt::format("step {}/{}  loss {:.4f}  {:.0f} tokens/s  {} left", p.step, p.steps, p.loss,
                  p.tokens_per_second, duration_text(p.seconds_left));
  if (!p.waiver.empty()) text += "  " + p.waiver;
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

Console::Console(std::FILE* log) : log_(log), terminal_(isatty(fileno(stdout)) != 0) {}

Console::~Console() { clear_bar(); }

void Console::clear_bar() {
  if (bar_) fmt::print("\r\033[K");
  bar_ = false;
  std::fflush(stdout);
}

void Console::line(const std::string& text) {
  clear_bar();
  fmt::print("{}\n", text);
  std::fflush(stdout);
  if (!log_) return;
  fmt::print(log_, "{}\n", text);
  std::fflush(log_);
}

void Console::progress(const Progress& p, bool milestone) {
  const std::string text = summary(p);
  if (!terminal_) {
    if (milestone) line(text);
    return;
  }
  if (milestone && log_) {
    fmt::print(log_, "{}\n", text);
    std::fflush(log_);
  }
  const double now = now_seconds();
  if (now - last_bar_ < 0.1 && p.step < p.steps) return;
  last_bar_ = now;
  // A line that wraps could not be rewritten.
  const int64_t width = terminal_width();
  const int64_t cells = std::clamp<int64_t>(width - std::ssize(text) - 2, 0, 24);
  const int64_t done = p.steps > 0 ? cells * p.step / p.steps : cells;
  std::string bar;
  for (int64_t i = 0; i < cells; ++i) bar += i < done ? "█" : "░";
  fmt::print("\r\033[K{} {}", bar, text.substr(0, std::max<int64_t>(0, width - cells - 2)));
  std::fflush(stdout);
  bar_ = true;
}

}  // namespace waiver
