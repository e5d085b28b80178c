#pragma once

#include <memory>
#include <vector>

#include "autograd/ops/attention_spec.h"
#include "core/fields/kind.h"

namespace waiver {

/// A mask is a value: which keys each query sees. A kind says which side of a query is open; the
/// window, the prefix, the documents and the self-only rows compose with every kind:
///   main   = open side ∩ (i − window, i + window)
///   lead   = [0, prefix), seen by all, its tokens by each other too (Gu et al., 2410.10781, §5)
///   row k of self_only, in the layers named: only k itself; later queries still see k
/// and all of it within a query's own document: the separator goes before the prefix, whose tokens
/// no query of a later document sees.
/// Sink tokens stand in front of all other tokens: every query sees all of them, whatever the
/// above hides, and they see each other alone, so that no sequence reaches them.
class Mask : public KeyMask {
 public:
  void options(FieldVisitor& v);

  /// The reason why this cannot work for so many tokens and the layers that attend, or an empty
  /// string.
  std::string refuse(int64_t context, const std::vector<bool>& attends) const;
  /// Of queries and keys counted with the sink tokens in front.
  VisibleKeys visible(int64_t query, int64_t tokens) const override;
  /// Of queries and keys counted without them.
  VisibleKeys visible_tokens(int64_t query, int64_t tokens) const;
  /// Whether queries see later tokens that they are asked to predict, the prefix left out.
  bool sees_future() const;
  /// Whether the prefix lets queries see what they would not see without it.
  bool prefix_shows_more() const;
  /// Makes it the mask of one block, with so many sink tokens in front.
  void settle(int64_t layer, int64_t sinks);
  /// The token that ends a document, or −1: sequences are one document each.
  int64_t separator() const { return separator_; }
  /// Tokens that every query of their document sees.
  int64_t prefix() const { return prefix_; }

 protected:
  virtual KeyRange open_side(int64_t query, int64_t tokens) const = 0;

 private:
  int64_t window_ = 0, prefix_ = 0, separator_ = -1, sinks_ = 0;
  std::vector<int64_t> self_only_, layers_;
};

/// The document of each token: they end with `separator`, which belongs to the one it ends.
/// tokens [B·T]; documents [B·(sinks + T)], counted with the sink tokens, which have none.
void find_documents(const int32_t* tokens, int64_t batch, int64_t length, int64_t separator,
                    int64_t sinks, KeyRange* documents);

}  // namespace waiver
