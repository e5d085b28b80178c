#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace waiver {

/// Text of unknown origin as a terminal may show it, in one line: control characters, those that
/// turn the direction of writing, and bytes that are no UTF-8 become escapes (`\n`, `\x1b`), and of
/// more than `longest` bytes the beginning and the end remain.
std::string printable(std::string_view text, size_t longest = 300);
/// The same, between double quotes.
std::string in_quotes(std::string_view text, size_t longest = 80);
/// The same for text of several lines, each cut by itself.
std::string printable_lines(std::string_view text, size_t longest = 1200);

/// How many bytes the UTF-8 character has (Unicode 15, table 3-7) that `text` begins with; 0: there
/// is none. REQUIRES: `text` is not empty.
size_t character_length(std::string_view text);

/// Where a byte stands that no text file has: a control character other than a tab and those that
/// end lines, or one that is no UTF-8; npos: nowhere.
size_t first_non_text(std::string_view bytes);

}  // namespace waiver
