#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace waiver {

/// An option or argument of a verb: a thin wrapper around CLI11, whose header is expensive to
/// compile. Its description appears in --help, and its value is checked before the verb runs.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required();
  /// The placeholder of its value in --help.
  Option& type(const std::string& name);
  Option& shows_default();
  template <std::integral I>
  Option& between(I low, I high) {
    return whole_between(low, high);
  }
  Option& between(double low, double high);
  Option& among(std::vector<std::string> words);
  Option& needs(const Option& other);
  Option& excludes(const Option& other);
  /// For a list: all values in one word, `0,10`.
  Option& separated_by_commas();
  bool given() const;

 private:
  Option& whole_between(int64_t low, int64_t high);
  CLI::Option* option_;
};

/// A verb as its --help tells it.
struct VerbInfo {
  struct Option {
    std::vector<std::string> names;  // `--out`, `-h`; of an argument, without dashes
    std::string doc;
    bool has_value = false;
    std::vector<std::string> words;  // that its value may be; empty: anything
  };
  std::string name, doc;
  std::vector<Option> options, arguments;
  std::vector<VerbInfo> verbs;
};

/// A verb of the command line, or the program itself, which has verbs.
class Verb {
 public:
  explicit Verb(CLI::App* app) : app_(app) {}

  /// Adds a verb below this one, which then always needs one.
  Verb add(const std::string& name, const std::string& doc);

  /// `--name` or, without dashes, an argument; `value` keeps its default where it is not given, and
  /// must outlive the verb's run.
  Option add(const std::string& name, std::string& value, const std::string& doc);
  Option add(const std::string& name, int64_t& value, const std::string& doc);
  Option add(const std::string& name, uint64_t& value, const std::string& doc);
  Option add(const std::string& name, int& value, const std::string& doc);
  Option add(const std::string& name, double& value, const std::string& doc);
  Option add(const std::string& name, std::optional<int64_t>& value, const std::string& doc);
  Option add(const std::string& name, std::vector<std::string>& value, const std::string& doc);
  Option add(const std::string& name, std::vector<int64_t>& value, const std::string& doc);
  /// A flag, true where it is given.
  Option add(const std::string& name, bool& value, const std::string& doc);
  /// A number that is passed on as soon as it is read.
  Option add(const std::string& name, void (*use)(int), const std::string& doc);

  /// A flag that prints a text, given as Markdown, in plain words and does nothing else.
  void prints(const std::string& name, std::string (*text)(), const std::string& doc);
  /// With all that was added so far.
  VerbInfo info() const;

  /// What the verb does once everything is read; may throw Error.
  void runs(std::function<void()> work);

 private:
  CLI::App* app_;
};

}  // namespace waiver
