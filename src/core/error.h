#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/text/printable.h"

namespace waiver {

/// What went wrong, as a sentence: `where: what. hint`. Thrown by every room. Its parts may quote
/// anything: what a terminal should not show is escaped, and excessive length is cut (printable.h).
/// `where` is `file:line:column`, a key, a path, or a step and layer; `hint` says what to do next.
class Error : public std::runtime_error {
 public:
  enum class Kind { run = 1, usage = 2 };  // the exit status of the program

  Error(const std::string& where, const std::string& what, const std::string& hint = {},
        Kind kind = Kind::run)
      : std::runtime_error(sentence(where, what, hint)),
        kind_(kind),
        where_(where),
        problem_(sentence({}, what, hint)) {}

  Kind kind() const { return kind_; }
  const std::string& where() const { return where_; }
  /// `what. hint`
  const std::string& problem() const { return problem_; }

 private:
  static std::string sentence(const std::string& where, const std::string& what,
                              const std::string& hint) {
    std::string text = (where.empty() ? "" : printable(where) + ": ") + printable_lines(what);
    if (text.empty() || std::string_view(".?!").find(text.back()) == std::string_view::npos)
      text += '.';
    return hint.empty() ? text : text + " " + printable_lines(hint);
  }
  Kind kind_;
  std::string where_, problem_;
};

/// Bad usage or a bad config: exit status 2.
struct UsageError : Error {
  UsageError(const std::string& where, const std::string& what, const std::string& hint = {})
      : Error(where, what, hint, Kind::usage) {}
};

/// The request exceeds what any memory holds, or what a rehearsal may take.
struct TooLarge : Error {
  using Error::Error;
};

/// A programming error: shapes or counts that do not agree, `[op] what`. No config and no file may
/// lead to it.
struct ShapeError : std::logic_error {
  using std::logic_error::logic_error;
};

/// What went wrong, as a sentence, whoever threw it; covers standard exceptions too.
std::string sentence_of(const std::exception& problem);

}  // namespace waiver
