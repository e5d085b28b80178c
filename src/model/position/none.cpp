#include "model/position/registry.h"

namespace waiver {
namespace {

class NoEncoding : public PositionEncoding {
 public:
  std::unique_ptr<PositionEncoding> clone() const override {
    return std::make_unique<NoEncoding>(*this);
  }
  Acts acts() const override { return Acts::nowhere; }
};

}  // namespace

std::unique_ptr<PositionEncoding> make_no_encoding() { return std::make_unique<NoEncoding>(); }

}  // namespace waiver
