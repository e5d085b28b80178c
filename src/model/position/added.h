#pragma once

#include "model/position/encoding.h"

namespace waiver {

/// An encoding that adds a vector per position, to the embeddings or to the input of attention in
/// every layer that has it.
class AddedEncoding : public PositionEncoding {
 public:
  Acts acts() const final {
    return into_ == Into::attention ? Acts::on_attention_input : Acts::on_embeddings;
  }
  void options(FieldVisitor& v) override;
  Variable embed(Tape& tape, Variable x, std::span<const int32_t> positions) const final;
  Variable enter_attention(Tape& tape, Variable x, std::span<const int32_t> positions) const final;

 protected:
  /// The vectors [context, C]. Sink tokens get none.
  virtual Variable table() const = 0;

 private:
  Into into_ = Into::embeddings;
};

}  // namespace waiver
