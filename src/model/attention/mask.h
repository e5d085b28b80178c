#pragma once

#include <memory>
#include <vector>

#include "autograd/ops/attention/spec.h"
#include "core/fields/kind.h"

namespace waiver {

/// A mask is a value: which keys each query sees. Its kind says which side of a query is open;
/// window, prefix, documents and self-only rows compose with every kind:
///   main   = open side ∩ (i − window, i + window)
///   lead   = [0, prefix), seen by all queries, its own tokens included (Gu et al., 2410.10781, §5)
///   row k of self_only, in self_only_layers: only k itself; later queries still see k
/// all of it within the query's own document: the separator takes precedence over the prefix, whose
/// tokens no query of a later document sees. Padding is seen by padding alone.
/// Sink tokens are prepended to all other tokens: every query sees all of them, whatever the rules
/// above hide, and they see only each other, so no sequence influences them.
class Mask : public KeyMask {
 public:
  void options(FieldVisitor& v);

  /// Why this cannot work for that many tokens and the layers that have attention, or an empty
  /// string.
  std::string refuse(int64_t context, const std::vector<bool>& attends) const;
  /// Queries and keys are counted with the sink tokens.
  VisibleKeys visible(int64_t query, int64_t tokens) const override;
  /// Queries and keys are counted without the sink tokens.
  VisibleKeys visible_tokens(int64_t query, int64_t tokens) const;
  /// Whether queries outside the prefix see later tokens that they must predict.
  bool sees_future() const;
  /// Whether the prefix lets queries see keys that they would not see otherwise.
  bool prefix_shows_more() const;
  /// Makes it the mask of one block, with `sinks` sink tokens prepended.
  void settle(int64_t layer, int64_t sinks);
  /// The token that ends a document, or −1: sequences are one document each.
  int64_t separator() const { return separator_; }
  /// The token that fills up a sequence at its end, or −1: none does.
  int64_t padding() const { return padding_; }
  /// The number of first tokens that every query of their document sees.
  int64_t prefix() const { return prefix_; }

 protected:
  virtual KeyRange open_side(int64_t query, int64_t tokens) const = 0;

 private:
  int64_t window_ = 0, prefix_ = 0, separator_ = -1, padding_ = -1, sinks_ = 0;
  std::vector<int64_t> self_only_, layers_;
};

/// The document of each token: they end with the mask's separator, which belongs to the one it
/// ends; the padding at the end of a sequence is one of its own.
/// tokens [B·T]; documents [B·(sinks + T)], counted with the sink tokens, which belong to none.
void find_documents(const int32_t* tokens, int64_t batch, int64_t length, const Mask& mask,
                    int64_t sinks, KeyRange* documents);

}  // namespace waiver
