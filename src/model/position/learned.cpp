#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "autograd/ops/ops.h"
#include "model/position/added.h"

namespace waiver {
namespace {

/// Positions whose initial vectors have a size of their own: one of them can thus be designated as
/// the waiver.
struct StrongPositions {
  std::vector<int64_t> at;
  double std = 1;

  void visit(FieldVisitor& v) {
    v.field({"at", "these positions, counted from 0", at_least(0)}, at);
    v.field({"std", "standard deviation of their initial vectors", at_least(0)}, std);
  }
};

/// x_t += P[position_t], P [context, C] learned.
class Learned : public AddedEncoding {
 public:
  void options(FieldVisitor& v) override {
    AddedEncoding::options(v);
    v.field({"std",
             "standard deviation of the initial vectors; 0: that of token embeddings (model.init)",
             at_least(0)},
            std_);
    v.field({"strong", "positions whose initial vectors have a size of their own"}, strong_);
  }
  std::string refuse(const EncodingSizes& sizes) const override {
    for (const int64_t p : strong_.at) {
      if (p >= sizes.context)
        return fmt::format("there is no position {} to be strong; model.context is {}", p,
                           sizes.context);
      if (std::ranges::count(strong_.at, p) > 1)
        return fmt::format("strong position {} is named twice", p);
    }
    return {};
  }
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    table_ = &parameters.add(
        sizes.name + ".weight", {sizes.context, sizes.width},
        Init::normal(std_ > 0 ? std_ : sizes.init_std).with_rows(strong_.at, strong_.std));
    table_->by_position = true;
  }

 private:
  Variable table() const override { return table_->variable; }

  double std_ = 0;
  StrongPositions strong_;
  Parameter* table_ = nullptr;
};

}  // namespace

Registered<PositionEncoding> learned_kind() {
  return kind_of<PositionEncoding, Learned>(
      "learned", "a learned vector per position, which is added", "absolute");
}

}  // namespace waiver
