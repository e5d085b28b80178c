#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace waiver {

/// What a verb was asked for, to the standard output. Throws Error where that cannot be written,
/// and Stopped where a stop is due while its reader has stalled.
void print_result(std::string_view text);
template <class... T>
void print_result(fmt::format_string<T...> format, T&&... values) {
  print_result(std::string_view(fmt::format(format, std::forward<T>(values)...)));
}

/// How work goes, to the standard output, and what went wrong, to the standard error. Where that
/// cannot be written, it is lost: work goes on without those who watch it.
void print_progress(std::string_view text) noexcept;
void print_error(std::string_view text) noexcept;

/// How many columns the terminal has that is the standard output; 0 where that is none, or where
/// it does not say.
int64_t terminal_width();

/// Sees to it that no file which is opened later takes the place of a closed standard stream.
void hold_standard_streams();

}  // namespace waiver
