#include "run/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>

#include "core/error.h"
#include "core/output.h"

namespace waiver {
namespace {

[[noreturn]] void fail_to_write(const std::filesystem::path& path, int code) {
  throw Error(path.string(), "cannot be written: " + std::generic_category().message(code));
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
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

std::optional<int64_t> progress_step(std::string_view line) {
  constexpr std::string_view kStep = "step ";
  if (!line.starts_with(kStep)) return {};
  int64_t step = 0;
  const char* end = line.data() + line.size();
  const auto [at, problem] = std::from_chars(line.data() + kStep.size(), end, step);
  if (problem != std::errc() || at == end || *at != '/') return {};
  return step;
}

std::string bar_text(double share, const std::string& text) {
  // A line that wraps could not be rewritten.
  const int64_t width = terminal_width();
  const int64_t cells = std::clamp<int64_t>(width - std::ssize(text) - 2, 0, 24);
  const auto done = static_cast<int64_t>(static_cast<double>(cells) * share);
  std::string bar = kNoBar;
  for (int64_t i = 0; i < cells; ++i) bar += i < done ? "█" : "░";
  return bar + " " + text.substr(0, std::max<int64_t>(0, width - cells - 2));
}

Console::Console(std::filesystem::path log, bool bar)
    : path_(std::move(log)),
      log_(std::fopen(path_.c_str(), "ae")),
      terminal_(bar && isatty(STDOUT_FILENO) != 0) {
  if (!log_) fail_to_write(path_, errno);
}

Console::~Console() { clear_bar(); }

void Console::clear_bar() {
  if (bar_) print_progress(kNoBar);
  bar_ = false;
}

void Console::add_to_log(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), log_.get()) != text.size() ||
      std::fflush(log_.get()) != 0)
    fail_to_write(path_, errno);
}

void Console::line(const std::string& text) {
  clear_bar();
  print_progress(text + "\n");
  add_to_log(text + "\n");
}

void Console::progress(const Progress& p, bool milestone) {
  const std::string text = summary(p);
  if (!terminal_) {
    if (milestone) line(text);
    return;
  }
  if (milestone) add_to_log(text + "\n");
  const double now = now_seconds();
  if (now - last_bar_ < 0.1 && p.step < p.steps) return;
  last_bar_ = now;
  print_progress(
      bar_text(p.steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.steps) : 1, text));
  bar_ = true;
}

}  // namespace waiver
