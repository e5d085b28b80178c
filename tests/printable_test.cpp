#include "core/text/printable.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace waiver;

TEST_CASE("what a terminal should not show is escaped") {
  CHECK(printable("plain: ünïcödé 🙂") == "plain: ünïcödé 🙂");
  CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\rd");
  CHECK(printable("\x1b[31mred\x7f") == "\\x1b[31mred\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");
  CHECK(printable("a\xe2\x80\xae"
                  "b") == "a\\xe2\\x80\\xaeb");
  CHECK(printable("cut \xe2\x80") == "cut \\xe2\\x80");
}

TEST_CASE("of endless text the beginning and the end remain, and no character is cut in two") {
  const std::string text = printable("begin" + std::string(1 << 20, 'x') + "end");
  CHECK(text.size() < 400);
  CHECK(text.starts_with("begin"));
  CHECK(text.ends_with("end"));
  std::string accents;
  for (int i = 0; i < 1000; ++i) accents += "é";
  for (size_t longest = 20; longest < 30; ++longest)
    CHECK(printable(accents, longest).find("\\x") == std::string::npos);
}

TEST_CASE("an error shows nothing raw of what it quotes, whatever part it is in") {
  const std::string bad = "\x1b]0;\x07\xff" + std::string(1 << 20, 'y');
  const std::string text = Error(bad, "a " + bad + "\nb " + bad, bad).what();
  CHECK(text.size() < 8000);
  CHECK(text.find('\x1b') == text.npos);
  CHECK(text.find('\xff') == text.npos);
  CHECK(text.find('\n') != text.npos);
}

TEST_CASE("bytes that no text file has are found") {
  CHECK(first_non_text("a\tb\r\nc é") == std::string_view::npos);
  CHECK(first_non_text(std::string_view("ab\0c", 4)) == 2);
  CHECK(first_non_text("abc\xe2\x80") == 3);
  CHECK(first_non_text("\x1b") == 0);
}

TEST_CASE("UTF-8 is told from other bytes as strictly as the standard does") {
  for (const char* good :
       {"a", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(character_length(good) == std::string_view(good).size());
  // Longer than need be, surrogates, beyond U+10FFFF, a continuation alone, cut short.
  for (const char* bad :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\x80", "\xe2\x82"})
    CHECK(character_length(bad) == 0);
}
