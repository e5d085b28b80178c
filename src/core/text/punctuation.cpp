#include "core/text/punctuation.h"

#include <algorithm>
#include <cstdint>

#include "core/text/printable.h"

namespace waiver {
namespace {

struct CodePoints {
  uint32_t first, last;
};

constexpr CodePoints kBlanks[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
    {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

// ASCII and Latin-1 by character; then general punctuation, currencies, arrows to miscellaneous
// symbols (but for circled letters and digits), supplemental punctuation, CJK punctuation,
// compatibility forms, full-width forms by character, pictures.
constexpr CodePoints kSigns[] = {
    {0x00, 0x2f},     {0x3a, 0x40},     {0x5b, 0x60},     {0x7b, 0xa9},       {0xab, 0xb1},
    {0xb4, 0xb4},     {0xb6, 0xb8},     {0xbb, 0xbb},     {0xbf, 0xbf},       {0xd7, 0xd7},
    {0xf7, 0xf7},     {0x2000, 0x206f}, {0x20a0, 0x20cf}, {0x2190, 0x245f},   {0x2500, 0x2775},
    {0x2794, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004}, {0x3008, 0x3020},   {0x3030, 0x3030},
    {0xfe10, 0xfe1f}, {0xfe30, 0xfe6f}, {0xff01, 0xff0f}, {0xff1a, 0xff20},   {0xff3b, 0xff40},
    {0xff5b, 0xff65}, {0xffe0, 0xffee}, {0xfffd, 0xfffd}, {0x1f000, 0x1f0ff}, {0x1f300, 0x1faff}};

template <size_t n>
bool among(const CodePoints (&all)[n], uint32_t c) {
  return std::ranges::any_of(all, [&](const CodePoints& r) { return r.first <= c && c <= r.last; });
}

// REQUIRES: it is one UTF-8 character.
uint32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  uint32_t c = character.size() == 1 ? lead : lead & (0x7fu >> character.size());
  for (const char next : character.substr(1))
    c = c << 6 | (static_cast<unsigned char>(next) & 0x3f);
  return c;
}

}  // namespace

bool is_punctuation(std::string_view text) {
  bool signs = false;
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return false;
    const uint32_t c = code_point(text.substr(0, length));
    text.remove_prefix(length);
    if (among(kBlanks, c)) continue;
    if (!among(kSigns, c)) return false;
    signs = true;
  }
  return signs;
}

}  // namespace waiver
