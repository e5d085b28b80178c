#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace waiver {

/// Where a run reports its progress: a progress bar that rewrites its line on a terminal, plain
/// lines elsewhere, and everything but the bar goes to train.log as well. Lines that standard
/// output does not accept are lost there; a log that does not accept them throws Error.
class Console {
 public:
  /// Appends to the file `log`. Without `bar` a terminal gets lines, too: what mpirun passes on
  /// looks like one.
  explicit Console(std::filesystem::path log, bool bar = true);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console();

  /// A permanent line.
  void line(const std::string& text);

  struct Progress {
    int64_t step = 0, steps = 0;
    double loss = 0;
    double tokens_per_second = 0, seconds_left = 0;
    std::string waiver;  // the strongest one, or empty
  };
  /// The bar, at most ten times a second on a terminal; a line where `milestone` elsewhere.
  void progress(const Progress& now, bool milestone);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void clear_bar();
  void add_to_log(const std::string& text);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> log_;
  bool terminal_;
  bool bar_ = false;
  double last_bar_ = 0;
};

/// The step of a line that `progress` wrote; none for any other line.
std::optional<int64_t> progress_step(std::string_view line);

/// A bar for the terminal, as wide as the text leaves room for, that replaces the line; `share` in
/// [0, 1]. And what removes it.
std::string bar_text(double share, const std::string& text);
inline constexpr char kNoBar[] = "\r\033[K";

/// "3 min 20 s", "45 s".
std::string duration_text(double seconds);

}  // namespace waiver
