#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

class NoGate : public Gate {
 public:
  bool present() const override { return false; }
};

}  // namespace

Registered<Gate> no_gate_kind() {
  return kind_of<Gate, NoGate>("none", "the heads' outputs as they are");
}

}  // namespace waiver
