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

/// An option or argument of a verb, a thin front of CLI11's, whose header few files can afford.
/// What is said of it stands in --help and is checked before the verb runs.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required();
  /// What stands for its value in --help.
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
  /// Of a list: all in one word, `0,10`.
  Option& separated_by_commas();
  bool given() const;

 private:
  Option& whole_between(int64_t low, int64_t high);
  CLI::Option* option_;
};

/// A verb of the command line, or the program, whose verbs are its own.
class Verb {
 public:
  explicit Verb(CLI::App* app) : app_(app) {}

  /// A verb below this one, which is then never given alone.
  Verb add(const std::string& name, const std::string& doc);

  /// `--name` or, without dashes, an argument; `value` keeps its default where it is not given and
  /// has to live until the verb runs.
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
  /// A number that is handed on as soon as it is read.
  Option add(const std::string& name, void (*use)(int), const std::string& doc);

  /// A flag that prints a text in place of all else.
  void prints(const std::string& name, std::string (*text)(), const std::string& doc);
  /// What the verb does once all is read; throws Error.
  void runs(std::function<void()> work);

 private:
  CLI::App* app_;
};

}  // namespace waiver
