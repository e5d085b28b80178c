#include "core/text/table.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "core/output.h"

namespace waiver {
namespace {

constexpr Align left = Align::left, right = Align::right;

const Table& claims() {
  static const Table table = {
      {{left, 3}, {.wraps = true}, {right}},
      {{"id", "claim", "r_V"}, {"W1", "a reduced value", "0.25"}, {"W10", "none", "–"}}};
  return table;
}

}  // namespace

TEST_CASE("columns line up at the left or the right, and no line ends in a space") {
  const Table table = {{{left, 6}, {right, 5, 1}, {left}},
                       {{"head", "α", "token"}, {"0.0", "0.057", ""}, {"12.11", "–", "<s>"}}};
  CHECK(to_text(table) ==
        "head       α  token\n"
        "0.0    0.057\n"
        "12.11      –  <s>\n");
}

TEST_CASE("a column is as wide as its widest cell, and a rule as its columns") {
  Table table = {{{left}, {right, 0, 3}}, {{"a", "b"}, {"longer", "1000"}}, 2, true};
  CHECK(to_text(table) ==
        "  a           b\n"
        "  ──────   ────\n"
        "  longer   1000\n");
}

TEST_CASE("width is what a terminal shows, not bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("r_V") == 3);
  CHECK(display_width("Δα → −σ") == 7);
  CHECK(display_width("注意") == 4);
  const Table table = {{{left}, {right}}, {{"注意", "ΔE"}, {"key", "1"}}};
  CHECK(to_text(table) == "注意  ΔE\nkey    1\n");
}

TEST_CASE("a cell over several columns stands at the left, and widens the last where it must") {
  const Table table = {{{left}, {right, 4}, {right, 4}, {right}},
                       {{"", {"all targets", 2}, "x"}, {"full", "1.5", "", "2"}, {"none"}}};
  CHECK(to_text(table) ==
        "      all targets  x\n"
        "full   1.5         2\n"
        "none\n");
  CHECK(to_text({{{left}, {right}, {right}}, {{"0.0", {"all", 2}}, {"1.0", "25", "7"}}}) ==
        "0.0  all\n1.0  25  7\n");
  CHECK(to_text({{{left}, {right}}, {{{"all targets", 2}}, {"1.234567", "+0.1"}}}) ==
        "all targets\n1.234567  +0.1\n");
}

TEST_CASE("columns that wrap give way at words, under themselves, until the table fits") {
  CHECK(to_text(claims(), 20) ==
        "id   claim       r_V\n"
        "W1   a reduced  0.25\n"
        "     value\n"
        "W10  none          –\n");
  CHECK(to_text(claims(), 18) ==
        "id   claim     r_V\n"
        "W1   a        0.25\n"
        "     reduced\n"
        "     value\n"
        "W10  none        –\n");
  const Table two = {{{.wraps = true}, {.wraps = true}}, {{"aa bb cc", "dd ee ff gg"}}};
  CHECK(to_text(two, 19) == "aa bb cc  dd ee ff\n          gg\n");
  CHECK(to_text(two, 13) == "aa bb  dd ee\ncc     ff gg\n");
  // What runs over several columns does not wrap, and keeps none from it.
  CHECK(
      to_text({{{.wraps = true}, {left}, {left}}, {{"aa bb cc", "x", "y"}, {{"no-words", 2}, "z"}}},
              11) == "aa bb  x  y\ncc\nno-words  z\n");
  CHECK(to_text({{{.wraps = true}, {left}}, {{"aa bb cc", "x"}, {{"no-words", 2}}}}, 8) ==
        "aa bb  x\ncc\nno-words\n");
}

TEST_CASE("a table that cannot fit is cut between its columns, and each piece has the first") {
  CHECK(to_text(claims(), 17) ==
        "id   claim\nW1   a reduced\n     value\nW10  none\n\nid    r_V\nW1   0.25\nW10     –\n");
  // No group under one heading is cut that fits, and what runs over all columns is in each piece.
  const Table groups = {{{left}, {right}, {right}, {right}, {right}},
                        {{"", {"one", 2}, {"two", 2}},
                         {"h", "aa", "bb", "cc", "dd"},
                         {"1", {"none", 4}},
                         {"2", "1", "2", "3", "4"}}};
  CHECK(to_text(groups, 14) ==
        "   one\nh  aa  bb\n1  none\n2   1   2\n\n   two\nh  cc  dd\n1  none\n2   3   4\n");
  const Table keys = {{{left}, {left}, {right}, {right}}, {{"a", "b", "cc", "dd"}}, 1, false, 2};
  CHECK(to_text(keys, 9) == " a  b  cc\n\n a  b  dd\n");
  CHECK(folded("one two threefour", 7) == "one two\nthreefour\n");
}

TEST_CASE("a table that fits is as it is without a limit, and so is one that cannot") {
  const std::string text = to_text(claims());
  CHECK(text ==
        "id   claim             r_V\n"
        "W1   a reduced value  0.25\n"
        "W10  none                –\n");
  CHECK(to_text(claims(), 26) == text);
  CHECK(to_text(claims(), 25) != text);
  const Table stiff = {{{left}}, {{"two words"}}};
  CHECK(to_text(stiff, 5) == "two words\n");
  // Two spaces in a row within a cell stay.
  CHECK(to_text({{{.wraps = true}}, {{"2.46 nat  (640)"}}}, 80) == "2.46 nat  (640)\n");
}

TEST_CASE("numbers have their decimals and sign, and those undefined a dash") {
  CHECK(number_cell(0.0625, 3) == "0.062");
  CHECK(number_cell(0.5, 2, true) == "+0.50");
  CHECK(number_cell(-1, 0, true) == "-1");
  CHECK(number_cell(NAN, 3, true) == "–");
}

TEST_CASE("standard output is as wide as COLUMNS says, else its terminal, else 80 columns") {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(grantpt(terminal) == 0);
  REQUIRE(unlockpt(terminal) == 0);
  const int shown = open(ptsname(terminal), O_RDWR | O_NOCTTY), saved = dup(STDOUT_FILENO);
  REQUIRE(shown >= 0);
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const auto width_of = [&](int file) {
    dup2(file, STDOUT_FILENO);
    const int64_t width = terminal_width();
    dup2(saved, STDOUT_FILENO);
    return width;
  };
  const winsize size = {24, 93, 0, 0};
  REQUIRE(ioctl(shown, TIOCSWINSZ, &size) == 0);
  CHECK(width_of(shown) == 93);
  CHECK(width_of(pipe_ends[1]) == 80);
  setenv("COLUMNS", "40", 1);
  CHECK(width_of(shown) == 40);
  CHECK(width_of(pipe_ends[1]) == 40);
  setenv("COLUMNS", "nonsense", 1);
  CHECK(width_of(shown) == 93);
  unsetenv("COLUMNS");
  for (const int file : {terminal, shown, saved, pipe_ends[0], pipe_ends[1]}) close(file);
}

}  // namespace waiver
