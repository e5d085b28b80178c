#include "core/text/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace waiver {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// U+0080 … U+009F are control characters; U+200E, U+200F, U+202A … U+202E and U+2066 … U+2069
// change the writing direction; U+2028 and U+2029 break lines.
bool disturbs(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (character.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (character.size() != 3 || byte(0) != 0xe2) return false;
  return (byte(1) == 0x80 &&
          (byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xa8 && byte(2) <= 0xae))) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

std::string escaped(std::string_view bytes) {
  if (bytes == "\n") return "\\n";
  if (bytes == "\t") return "\\t";
  if (bytes == "\r") return "\\r";
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string legible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = character_length(text);
    const std::string_view piece = text.substr(0, std::max<size_t>(length, 1));
    out += length == 0 || disturbs(piece) ? escaped(piece) : std::string(piece);
    text.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace

size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if (!continues(text[i])) return 0;
  if (length < 3) return length;
  // Overlong forms, surrogates, and anything beyond U+10FFFF.
  const unsigned second = byte(1);
  const bool none = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) ||
                    (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90);
  return none ? 0 : length;
}

std::string printable(std::string_view text, size_t longest) {
  if (text.size() <= longest) return legible(text);
  size_t head = longest - longest / 4, tail = text.size() - longest / 4;
  while (head > 0 && continues(text[head])) --head;
  while (tail < text.size() && continues(text[tail])) ++tail;
  return legible(text.substr(0, head)) + "…" + legible(text.substr(tail));
}

std::string in_quotes(std::string_view text, size_t longest) {
  return "\"" + printable(text, longest) + "\"";
}

std::string printable_lines(std::string_view text, size_t longest) {
  std::string out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out += (at > 0 ? "\n" : "") + printable(text.substr(at, end - at), longest);
    at = end + 1;
  }
  return out;
}

size_t first_non_text(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = character_length(bytes.substr(at));
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const bool control = byte < 0x20 ? byte != '\t' && byte != '\n' && byte != '\r' : byte == 0x7f;
    if (length == 0 || control) return at;
    at += length;
  }
  return bytes.npos;
}

}  // namespace waiver
