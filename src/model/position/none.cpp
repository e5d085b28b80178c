#include "model/position/encoding.h"

namespace waiver {
namespace {

class NoEncoding : public PositionEncoding {
 public:
  Acts acts() const override { return Acts::nowhere; }
};

}  // namespace

Registered<PositionEncoding> no_encoding_kind() {
  return kind_of<PositionEncoding, NoEncoding>("none",
                                               "no encoding: only a causal mask conveys order");
}

}  // namespace waiver
