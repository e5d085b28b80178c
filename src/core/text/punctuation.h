#pragma once

#include <string_view>

namespace waiver {

/// Whether a text has some character that is no blank, and neither letters nor digits: `.`, ` "`,
/// `…`. What stands for what beyond ASCII follows Unicode's blocks: those of punctuation, symbols
/// and pictures are neither, all others are letters or digits; and so is what is not UTF-8.
bool is_punctuation(std::string_view text);

}  // namespace waiver
