#include "autograd/ops/ops.h"
#include "model/position/encoding.h"

namespace waiver {
namespace {

/// x_t += P[position_t], P [context, C] learned.
class Learned : public PositionEncoding {
 public:
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

Registered<PositionEncoding> learned_kind() {
  return kind_of<PositionEncoding, Learned>(
      "learned", "a learned vector per position, added to the embedding", "absolute");
}

}  // namespace waiver
