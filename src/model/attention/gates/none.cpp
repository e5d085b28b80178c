#include "model/attention/gates/registry.h"

namespace waiver {
namespace {

class NoGate : public Gate {
 public:
  std::unique_ptr<Gate> clone() const override { return std::make_unique<NoGate>(*this); }
  bool present() const override { return false; }
};

}  // namespace

std::unique_ptr<Gate> make_no_gate() { return std::make_unique<NoGate>(); }

}  // namespace waiver
