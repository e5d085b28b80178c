#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace waiver {

/// Writes the result of a verb to standard output. Throws Error where that fails, and Stopped where
/// a stop is due while the reader has stalled.
void print_result(std::string_view text);
template <class... T>
void print_result(fmt::format_string<T...> format, T&&... values) {
  print_result(std::string_view(fmt::format(format, std::forward<T>(values)...)));
}

/// Writes progress to standard output, and what went wrong to standard error, as well as what a
/// verb says besides its result, which a pipe or a file then gets alone. Text that cannot be
/// written is lost: work continues without its watchers.
void print_progress(std::string_view text) noexcept;
void print_error(std::string_view text) noexcept;
void print_notice(std::string_view text) noexcept;

/// How many columns the text on standard output may take: COLUMNS where it is set, those of the
/// terminal, or 80 where it is not a terminal or does not say.
int64_t terminal_width();

/// Ensures that no file opened later takes the place of a closed standard stream.
void hold_standard_streams();

}  // namespace waiver
