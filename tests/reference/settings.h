#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/config.h"

namespace waiver::reference {

/// What to change in a config, by dotted key: `{{"mlp.kind", "gelu"}}`, `{{"heads", 2}}`; the
/// numbers and kinds of a list count from 0: `{{"mlp.absent.0", 1}}`, `{{"position.0", "rope"}}`.
struct Edits {
  std::map<std::string, std::string> words;
  std::map<std::string, double> numbers;
};

/// A model's config as flat lists of words and numbers (a bool is 0 or 1), by dotted key: all that
/// the reference knows about it.
class Settings {
 public:
  enum class Absent { refuse, ignore };  // how to treat edits of missing keys

  /// Applies the edits to the config, then reads it. Throws Error for an edit of an unknown key
  /// unless such are ignored.
  explicit Settings(ModelConfig& config, const Edits& edits = {}, Absent absent = Absent::refuse);

  // Throw Error for an unknown key.
  double number(const std::string& key) const;
  int64_t count(const std::string& key) const { return static_cast<int64_t>(number(key)); }
  bool flag(const std::string& key) const { return number(key) != 0; }
  const std::string& word(const std::string& key) const;
  /// The word, which must be one of those that the reference can compute; else throws Error, with
  /// `where` to add the missing one.
  const std::string& known(const std::string& key, const std::vector<std::string>& words,
                           const std::string& where) const;
  /// The numbers of a list.
  std::vector<double> list(const std::string& key) const;
  /// How many numbers a list has, or kinds where several are allowed; 0: one kind, not in a list.
  size_t length(const std::string& key) const;
  /// The words allowed for a key.
  const std::vector<std::string>& choices(const std::string& key) const;
  /// The range of a number, or of every number of a list; a flag is 0 or 1.
  struct Domain {
    Range range;
    bool whole = false, flag = false;
  };
  const Domain& domain(const std::string& key) const;
  const std::map<std::string, double>& numbers() const { return numbers_; }
  const std::map<std::string, std::string>& words() const { return words_; }
  /// The lengths of lists, of numbers and of kinds.
  const std::map<std::string, size_t>& lengths() const { return lengths_; }
  /// Keys that nobody has asked for yet.
  std::set<std::string> unread() const;

 private:
  friend class SettingsReader;
  std::map<std::string, double> numbers_;
  std::map<std::string, Domain> domains_;
  std::map<std::string, std::string> words_;
  std::map<std::string, size_t> lengths_;  // of lists
  std::map<std::string, std::vector<std::string>> choices_;
  mutable std::set<std::string> read_;
};

}  // namespace waiver::reference
