#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "autograd/tape.h"
#include "core/random.h"

namespace waiver {

/// Token indices [begin, end).
struct KeyRange {
  int64_t begin = 0, end = 0;

  int64_t size() const { return std::max<int64_t>(0, end - begin); }
  bool contains(int64_t key) const { return begin <= key && key < end; }
  KeyRange within(int64_t first, int64_t last) const {
    return {std::max(begin, first), std::min(end, last)};
  }
};

/// The keys that one query sees: `sinks`, which document boundaries never hide, then `lead`, then
/// `main`. They never overlap and are not all empty.
struct VisibleKeys {
  KeyRange lead = {}, main = {}, sinks = {};

  std::array<KeyRange, 3> ranges() const { return {sinks, lead, main}; }
  int64_t size() const { return sinks.size() + lead.size() + main.size(); }
  bool contains(int64_t key) const {
    return sinks.contains(key) || lead.contains(key) || main.contains(key);
  }
  VisibleKeys within(const KeyRange& document) const {
    return {lead.within(document.begin, document.end), main.within(document.begin, document.end),
            sinks};
  }
  /// The same keys, with `sinks` merged into the range next to it.
  VisibleKeys joined() const {
    VisibleKeys out = *this;
    KeyRange& next = lead.size() > 0 ? out.lead : out.main;
    if (sinks.size() == 0 || next.size() == 0 || next.begin != sinks.end) return out;
    next.begin = sinks.begin;
    out.sinks = {};
    return out;
  }
};

/// Which keys every query sees.
class KeyMask {
 public:
  virtual ~KeyMask() = default;
  virtual VisibleKeys visible(int64_t query, int64_t tokens) const = 0;
};

/// What is kept of a query's row of scores once all of its keys have been seen.
struct RowState {
  float top = 0;   // subtracted in the exponents
  float sum = 0;   // what the weights are divided by, in the normalizer's own terms
  float size = 0;  // keys or tokens, where the normalizer needs them
};

/// Turns one query's scores over its visible keys into weights. A row comes in pieces, which
/// `extend` takes in turn, so that no row is ever held whole.
class RowNormalizer {
 public:
  virtual ~RowNormalizer() = default;
  /// The state before the first key, for a query that sees `keys` of the `tokens` keys.
  virtual RowState start(int64_t head, int64_t keys, int64_t tokens) const = 0;
  /// Turns scores into weights known up to a factor, in place. Returns the factor by which the
  /// weights of all earlier pieces must be multiplied.
  virtual float extend(RowState& state, float* scores, int64_t n) const = 0;
  /// The missing factor.
  virtual float scale(const RowState& state) const = 0;
  /// Scores → weights, given the final state; may work in place.
  virtual void weigh(const RowState& state, const float* scores, float* weights,
                     int64_t n) const = 0;
  /// `grad` holds ∂L/∂weight and becomes ∂L/∂score; `dot` = Σ_j A_j ∂L/∂A_j over the whole row (or
  /// the sum of `partial_dot`). `scores` is null unless needs_scores().
  virtual void backward(const RowState& state, float dot, const float* scores, const float* weights,
                        float* grad, int64_t n) const = 0;
  virtual bool needs_scores() const { return false; }

  /// Whether weights are not even known up to a factor before the end of the row. Then every row
  /// takes two passes, and backward's `dot` is the sum of `partial_dot` over the pieces.
  virtual bool two_passes() const { return false; }
  virtual float partial_dot(const RowState&, const float* /*scores*/, const float* /*grad*/,
                            int64_t) const {
    return 0;
  }

  /// A parameter per head that `start` uses, or empty, and what one row adds to its gradient.
  virtual Variable parameter() const { return {}; }
  virtual float parameter_gradient(const RowState&, float /*dot*/, int64_t /*head*/) const {
    return 0;
  }
};

/// Adds to one query's scores over n keys, given the position ids.
class ScoreBias {
 public:
  virtual ~ScoreBias() = default;
  virtual void add(int64_t head, int32_t query, const int32_t* keys, float* row,
                   int64_t n) const = 0;
  /// Parameters that `add` uses: [H, R], R for each head, or empty; and arrays that all heads
  /// share.
  virtual Variable parameter() const { return {}; }
  virtual std::vector<Variable> shared() const { return {}; }
  /// Adds the contribution of a row of ∂L/∂score to the gradients of the head's R parameters and of
  /// all shared ones, array after array; either is null where none of its parameters needs a
  /// gradient.
  virtual void backward(int64_t /*head*/, int32_t /*query*/, const int32_t* /*keys*/,
                        const float* /*grad*/, int64_t /*n*/, float* /*own*/,
                        float* /*shared*/) const {}
};

struct AttentionSpec {
  int64_t batch = 0, tokens = 0, heads = 0;
  int64_t of_batch = 0;  // sequences of the batch that these are a share of; 0: they are all
  float scale = 1;       // of the products q·k
  Precision precision = Precision::float32;  // of the inputs of products
  const KeyMask* mask = nullptr;
  const RowNormalizer* normalizer = nullptr;
  const ScoreBias* bias = nullptr;      // may be null
  std::span<const int32_t> positions;   // [T] position ids, for the bias
  std::span<const KeyRange> documents;  // [B·T] the document of each token; empty: one for all
  Variable slot_key, slot_value;        // [H, D] a key that every query sees and its value (empty:
                                        // zero); or empty
  double dropout = 0;          // share of weights set to 0; the others grow by 1/(1 − share)
  int64_t first_sequence = 0;  // number of the first sequence, for the noise
  Random noise{0, ""};         // decides which weights
  Tensor scores, pattern;      // [B, H, T, T] to be filled when given; hidden entries are
                               // −inf in scores and 0 in pattern
  Tensor slot_pattern;         // [B, H, T] the slot's weights, to be filled when given

  /// Heads of all sequences of the batch: how work is cut depends on these, so that a share of the
  /// batch has its bits.
  int64_t heads_of_batch() const { return (of_batch > 0 ? of_batch : batch) * heads; }
};

}  // namespace waiver
