#include "model/position/added.h"

#include "autograd/ops/ops.h"

namespace waiver {

std::span<const Choice> words(Into) {
  static constexpr Choice all[] = {
      {"embeddings", "to the embeddings, and so to the residual stream"},
      {"attention",
       "to the input of attention alone, before its norm, in every layer (Fesser et al., "
       "2606.08105)"}};
  return all;
}

void AddedEncoding::options(FieldVisitor& v) {
  v.field({"into", "where the vectors are added"}, into_);
}

Variable AddedEncoding::embed(Tape& tape, Variable x, std::span<const int32_t> positions) const {
  return into_ == Into::embeddings ? add_rows(tape, x, table(), positions) : x;
}

Variable AddedEncoding::enter_attention(Tape& tape, Variable x,
                                        std::span<const int32_t> positions) const {
  return into_ == Into::attention ? add_rows(tape, x, table(), positions, Later::used) : x;
}

}  // namespace waiver
