#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waiver {

/// Markdown as text for a terminal, folded at `width` columns (0: not at all): headings without
/// their `#`, paragraphs, and of a table for each row its first cell, then a line `heading  cell`
/// for each of the others that is not empty, with `<br>` as a new line. Covers what this program
/// writes: a paragraph or a row is one line, and `\|` is a bar within a cell.
std::string plain_text(std::string_view markdown, int64_t width = 0);

}  // namespace waiver
