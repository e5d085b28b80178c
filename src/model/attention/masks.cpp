#include "model/attention/registry.h"

namespace waiver {
namespace {

/// Query i sees keys 0 … i.
class Causal : public Mask {
 public:
  std::unique_ptr<Mask> clone() const override { return std::make_unique<Causal>(*this); }
  bool sees_future() const override { return false; }
  int64_t begin(int64_t, int64_t) const override { return 0; }
  int64_t end(int64_t query, int64_t) const override { return query + 1; }
};

/// Every query sees every key.
class Bidirectional : public Mask {
 public:
  std::unique_ptr<Mask> clone() const override { return std::make_unique<Bidirectional>(*this); }
  bool sees_future() const override { return true; }
  int64_t begin(int64_t, int64_t) const override { return 0; }
  int64_t end(int64_t, int64_t tokens) const override { return tokens; }
};

}  // namespace

std::unique_ptr<Mask> make_causal() { return std::make_unique<Causal>(); }
std::unique_ptr<Mask> make_bidirectional() { return std::make_unique<Bidirectional>(); }

}  // namespace waiver
