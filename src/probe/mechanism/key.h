#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/edits/edits.h"

namespace waiver {

/// A key that is followed through passes: a position, or the token of a role wherever it stands in
/// each sequence.
struct Key {
  std::string name;         // `position 4`, `dedicated`
  std::vector<int64_t> at;  // in each sequence of the probe batch

  static Key position(int64_t k, int64_t sequences) {
    return {"position " + std::to_string(k), std::vector<int64_t>(sequences, k)};
  }
  /// Whether it is at one position in all sequences.
  bool is_position() const {
    for (const int64_t k : at)
      if (k != at.front()) return false;
    return true;
  }
  /// The position where it is one, else −1.
  int64_t position() const { return is_position() ? at.front() : -1; }
  bool operator==(const Key& other) const { return at == other.at; }
};

/// The positions of named keys in every sequence; a single entry where they are all the same.
std::vector<PositionNames> names_of(const std::vector<std::pair<std::string, Key>>& keys);

}  // namespace waiver
