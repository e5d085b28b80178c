#include "model/attention/registry.h"

namespace waiver {
namespace {

/// Query i sees keys 0 … i.
class Causal : public Mask {
 public:
  std::unique_ptr<Mask> clone() const override { return std::make_unique<Causal>(*this); }
  KeyRange open_side(int64_t query, int64_t) const override { return {0, query + 1}; }
};

/// Every query sees every key.
class Bidirectional : public Mask {
 public:
  std::unique_ptr<Mask> clone() const override { return std::make_unique<Bidirectional>(*this); }
  KeyRange open_side(int64_t, int64_t tokens) const override { return {0, tokens}; }
};

}  // namespace

std::unique_ptr<Mask> make_causal() { return std::make_unique<Causal>(); }
std::unique_ptr<Mask> make_bidirectional() { return std::make_unique<Bidirectional>(); }

}  // namespace waiver
