#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/fields/kind.h"
#include "model/points.h"

namespace waiver {

/// The vectors of all positions at one point, in one sequence and head, without its padding; in a
/// query's row of a map they are numbers, one per key.
struct Lane {
  float* now = nullptr;           // vector of position t at now + t · stride, to be edited
  const float* before = nullptr;  // as it was before the edit; [T, width], contiguous
  int64_t stride = 0, width = 0, positions = 0;
  int64_t head = 0;              // 0 at points without heads
  int64_t query = -1;            // whose row of a map it is
  const float* donor = nullptr;  // of another sequence in the natural pass, [T, width]; where asked

  float* at(int64_t t) const { return now + t * stride; }
  std::span<const float> was(int64_t t) const {
    return {before + t * width, static_cast<size_t>(width)};
  }
};

/// What an edit does to the vectors that it changes.
class EditRule {
 public:
  virtual ~EditRule() = default;
  virtual void options(FieldVisitor&) {}
  /// Whether it makes sense at points of this kind.
  virtual bool suits(PointKind kind) const { return kind != PointKind::ids; }
  /// The position that it takes vectors from; empty: each position itself.
  virtual std::string from() const { return {}; }
  /// How many sequences further on the one is from which it takes vectors; 0: it takes none.
  virtual int64_t donor() const { return 0; }
  /// How many positions it needs; 0: any number.
  virtual size_t count() const { return 0; }
  /// Changes `lane` at `positions`; `from` is the position of that name, or −1.
  virtual void apply(const Lane& lane, std::span<const int64_t> positions, int64_t from) const = 0;
};

}  // namespace waiver
