#include "model/attention/mask.h"

namespace waiver {
namespace {

/// Query i sees keys 0 … i.
class Causal : public Mask {
 public:
  KeyRange open_side(int64_t query, int64_t) const override { return {0, query + 1}; }
};

/// Every query sees every key.
class Bidirectional : public Mask {
 public:
  KeyRange open_side(int64_t, int64_t tokens) const override { return {0, tokens}; }
};

}  // namespace

Registered<Mask> causal_kind() {
  return kind_of<Mask, Causal>("causal", "query i sees keys 0 … i (Radford et al., GPT-2)");
}

Registered<Mask> bidirectional_kind() {
  return kind_of<Mask, Bidirectional>("bidirectional",
                                      "every query sees every key (Devlin et al., 1810.04805)");
}

}  // namespace waiver
