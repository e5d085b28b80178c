#pragma once

#include <vector>

#include "core/fields/kind.h"
#include "data/draws.h"

namespace waiver {

/// Tokens without features, in whose place a model learns a vector each: candidates for a waiver
/// that differ from all other tokens by their features alone.
class Dedicated {
 public:
  virtual ~Dedicated() = default;
  virtual void options(FieldVisitor&) {}
  /// How many every sequence has.
  virtual int64_t count() const { return 0; }
  /// Throws UsageError where they do not fit into sequences of T tokens.
  void check(int64_t T) const;
  /// Where they stand in the sequence at place b of a batch, the first of them first.
  virtual std::vector<int64_t> places(const Draws&, int64_t /*b*/, int64_t /*T*/) const {
    return {};
  }
  /// Their positions, where these are the same in every sequence.
  virtual std::vector<int64_t> fixed() const { return {}; }
};

}  // namespace waiver
