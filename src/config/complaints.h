#pragma once

#include <string>
#include <vector>

#include "config/yaml.h"

namespace waiver {

/// Everything that is wrong with a config, gathered so that it can be reported at once.
class Complaints {
 public:
  void add(const Place& place, const std::string& key, const std::string& what,
           const std::string& hint = {});
  void add(const Complaints& others);
  bool empty() const { return lines_.empty(); }
  /// Throws one UsageError with a line for each distinct complaint, in file order:
  /// `file:line:column: dotted.key: what was found and what is allowed. hint`.
  void throw_if_any() const;

 private:
  struct Line {
    Place place;
    std::string text;
  };
  std::vector<Line> lines_;
};

}  // namespace waiver
