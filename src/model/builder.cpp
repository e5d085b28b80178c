#include "model/builder.h"

#include <cmath>

namespace waiver {

std::span<const Choice> words(InitKind) {
  static constexpr Choice all[] = {
      {"fan_in", "embeddings N(0, 1), matrices U(±1/√fan_in): the Bigram-Backcopy recipe"},
      {"torch",
       "the same, drawn as PyTorch draws embeddings and linear layers made in the order of the "
       "weights, on a CPU after torch.manual_seed(seed.init)"},
      {"gpt2",
       "everything N(0, std), the two projections back into the residual stream "
       "N(0, std / √(2·layers)): GPT-2"},
      {"normal", "everything N(0, std)"}};
  return all;
}

void InitConfig::visit(FieldVisitor& v) {
  v.field({"kind", "how weights are initialised"}, kind);
  v.field(Field{"std", "standard deviation", above(0)}.only(
              where("kind", kind, {InitKind::gpt2, InitKind::normal})),
          std);
}

Variable apply(Tape& tape, const Linear& layer, Variable x) {
  return linear(tape, x, layer.weight->variable, value_of(layer.bias));
}

Init Builder::matrix(int64_t in, bool residual) const {
  if (init_.by_fan_in()) return Init::uniform(1.0 / std::sqrt(static_cast<double>(in)));
  const double depth = residual && init_.kind == InitKind::gpt2
                           ? std::sqrt(2.0 * static_cast<double>(layers_))
                           : 1.0;
  return Init::normal(init_.std / depth);
}

Linear Builder::linear(const std::string& name, int64_t in, int64_t out, bool bias, bool residual) {
  Linear layer;
  layer.weight = &add(name + ".weight", {in, out}, matrix(in, residual));
  if (bias)
    layer.bias = &add(name + ".bias", {out}, init_.by_fan_in() ? matrix(in) : Init::constant(0));
  return layer;
}

}  // namespace waiver
