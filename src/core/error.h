#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace waiver {

/// What went wrong, as a sentence: `where: what. hint`. Thrown by every room.
/// `where` is `file:line:column`, a key, a path, or a step and layer; `hint` says what to do next.
class Error : public std::runtime_error {
 public:
  enum class Kind { run = 1, usage = 2 };  // the exit status of the program

  Error(std::string where, std::string what, std::string hint = {}, Kind kind = Kind::run)
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
    std::string text = where.empty() ? what : where + ": " + what;
    if (text.empty() || std::string_view(".?!").find(text.back()) == std::string_view::npos)
      text += '.';
    return hint.empty() ? text : text + " " + hint;
  }
  Kind kind_;
  std::string where_, problem_;
};

/// Bad usage or a bad config: exit status 2.
struct UsageError : Error {
  UsageError(std::string where, std::string what, std::string hint = {})
      : Error(std::move(where), std::move(what), std::move(hint), Kind::usage) {}
};

/// What went wrong, as a sentence, whoever threw it: of the system's own exceptions too.
std::string sentence_of(const std::exception& problem);

}  // namespace waiver
