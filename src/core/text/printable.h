#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace waiver {

/// Text of unknown origin made safe for a terminal, on one line: control characters, characters
/// that change the writing direction, and bytes that are not UTF-8 become escapes (`\n`, `\x1b`);
/// of more than `longest` bytes, the beginning and the end remain.
std::string printable(std::string_view text, size_t longest = 300);
/// The same, between double quotes.
std::string in_quotes(std::string_view text, size_t longest = 80);
/// The same for text of several lines, each shortened on its own.
std::string printable_lines(std::string_view text, size_t longest = 1200);

/// How many bytes the UTF-8 character (Unicode 15, table 3-7) at the start of `text` has; 0: there
/// is none. REQUIRES: `text` is not empty.
size_t character_length(std::string_view text);

/// The place of the first byte that no text file has: a control character other than a tab or a
/// line ending, or a byte that is not UTF-8; npos where there is none.
size_t first_non_text(std::string_view bytes);

}  // namespace waiver
