#include "autograd/ops/ops.h"
#include "model/position/registry.h"

namespace waiver {
namespace {

/// x_t += P[position_t], P [context, C] learned.
class Learned : public PositionEncoding {
 public:
  std::unique_ptr<PositionEncoding> clone() const override {
    return std::make_unique<Learned>(*this);
  }
  Acts acts() const override { return Acts::on_embeddings; }
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    table_ = &parameters.add(sizes.name + ".weight", {sizes.context, sizes.width},
                             Init::normal(sizes.init_std));
    table_->by_position = true;
  }
  Variable embed(Tape& tape, Variable x, std::span<const int32_t> positions) const override {
    return add_positions(tape, x, table_->variable, positions);
  }

 private:
  Parameter* table_ = nullptr;
};

}  // namespace

std::unique_ptr<PositionEncoding> make_learned() { return std::make_unique<Learned>(); }

}  // namespace waiver
