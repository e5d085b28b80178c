#include "autograd/ops/ops.h"
#include "model/position/added.h"

namespace waiver {
namespace {

/// x_t += P[position_t], P [context, C] learned.
class Learned : public AddedEncoding {
 public:
  void options(FieldVisitor& v) override {
    AddedEncoding::options(v);
    v.field({"std",
             "standard deviation of the initial vectors; 0: that of token embeddings (model.init)",
             at_least(0)},
            std_);
  }
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    table_ = &parameters.add(sizes.name + ".weight", {sizes.context, sizes.width},
                             Init::normal(std_ > 0 ? std_ : sizes.init_std));
    table_->by_position = true;
  }

 private:
  Variable table() const override { return table_->variable; }

  double std_ = 0;
  Parameter* table_ = nullptr;
};

}  // namespace

Registered<PositionEncoding> learned_kind() {
  return kind_of<PositionEncoding, Learned>(
      "learned", "a learned vector per position, which is added", "absolute");
}

}  // namespace waiver
