#pragma once

#include <memory>
#include <vector>

#include "autograd/ops/loss/output_loss.h"
#include "model/block.h"
#include "model/capture.h"
#include "model/input.h"

namespace waiver {

struct Pass;

/// x = embed(tokens) + encoding;  x = x + attention(norm1(x));  x = x + mlp(norm2(x)) per block, or
/// x + attention(norm1(x)) + mlp(norm2(x)) in parallel; logits = output(norm(x)); `Branch` says
/// where else norms may be. Weights have plain names,
/// matrices are [in, out]:
/// embed.{token,token_type,sink,dedicated}.weight, embed.norm.{gain,bias}, embed.position.weight
/// (of a layer's own encoding blocks.{l}.attn.position),
/// blocks.{l}.{norm1,norm1_out,norm2,norm2_out}.{gain,bias},
/// blocks.{l}.attn.{qkv,out}.{weight,bias}, blocks.{l}.attn.{query_norm,key_norm}.gain,
/// blocks.{l}.attn.gate.{weight,bias},
/// blocks.{l}.mlp.{gate,up,down}.{weight,bias},
/// final.norm.{gain,bias}, output.transform.{weight,bias}, output.norm.{gain,bias},
/// output.{weight,bias}.
///
/// Sink tokens (Xiao et al., 2309.17453, §3.3) are rows of embed.sink.weight prepended to every
/// sequence, from the first block to the last. They have no token id, and no position in learned
/// and sinusoidal encodings; where an encoding acts in attention their positions are those right
/// before 0, and the tokens keep theirs. Mask says what they see; hence their keys and values are
/// constants of the model, which at inference stay at the front, whatever leaves the cache or the
/// context.
class Transformer {
 public:
  Transformer(const ModelConfig& config, int64_t vocabulary, uint64_t seed);

  /// Logits [B·T, V], or, where the model takes features or has no output layer, the stream after
  /// the last norm [B·T, C]. Throws Error when a
  /// sequence is longer than the context.
  Variable forward(Tape& tape, const Input& input, Capture* capture = nullptr) const;

  /// cross_entropy of the logits. Many logits give way to their gradient or, where the tape
  /// computes blocks anew (Tape::let_recompute), are there in parts alone
  /// (autograd/ops/loss/output_loss.h), to the same bits. REQUIRES: the model gives logits.
  Variable loss(Tape& tape, const Input& input, std::span<const int32_t> targets,
                ShareOfLoss* share = nullptr) const;
  /// How many numbers the logits of so many rows and their gradient take at a time in `loss` with
  /// this tape; 0 where they come in parts, of 64 MiB. REQUIRES: `loss` was called.
  int64_t numbers_of_logits(const Tape& tape, int64_t rows) const;
  /// f(n, logits) for some rows of the logits at a time, n the number of the first, or for all.
  void for_logits(Tape& tape, const Input& input,
                  const std::function<void(int64_t, const Tensor&)>& f) const;

  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  const ModelConfig& config() const { return config_; }
  int64_t vocabulary() const { return vocabulary_; }
  /// The encoding that acts in a block; that of block 0 acts on the embeddings, too.
  const PositionEncoding& encoding(int64_t layer) const {
    return *encodings_[encodings_.size() == 1 ? 0 : layer];
  }
  /// The mask of a block. REQUIRES: it has attention.
  const Mask& mask(int64_t layer) const { return *blocks_[layer].attention->mask; }
  /// The keys that each query of B sequences sees in a block, without the sink tokens, [B·T].
  /// REQUIRES: it has attention.
  std::vector<VisibleKeys> visible_keys(int64_t layer, const Input& input) const;
  /// W_O of a block: [HD, C], rows h·D … (h+1)·D belong to head h. REQUIRES: it has
  /// attention.
  const Tensor& output_projection(int64_t layer) const {
    return blocks_[layer].attention->out.weight->variable.value;
  }
  /// The slot of a block. REQUIRES: it has attention.
  const Slot& slot(int64_t layer) const { return *blocks_[layer].attention->slot; }

 private:
  void add_encodings();
  void build_output(Builder& builder);
  std::span<const int32_t> token_types(Arena& arena, const Input& input) const;
  Variable embed(Tape& tape, const Input& input, Capture* capture) const;
  Stream block(Tape& tape, int64_t layer, const Stream& stream, const Pass& given) const;
  Stream through_block(Tape& tape, int64_t layer, const Stream& stream, const Pass& given,
                       const Norm* next) const;
  Variable before_output(Tape& tape, const Input& input, Capture* capture) const;
  OutputLayer output_layer() const;
  Variable logits(Tape& tape, Variable x) const;
  std::span<const KeyRange> documents(Arena& arena, const Input& input, int64_t sinks) const;
  const Norm* next_norm(const Input& input, int64_t layer) const;
  bool adds_to_attention(int64_t layer) const;
  std::span<const int32_t> dedicated_rows(Arena& arena, const Input& input, int64_t sinks) const;
  Variable enter_attention(Tape& tape, int64_t layer, Variable x, const Pass& given) const;
  Variable attend(Tape& tape, int64_t layer, Variable x, const Pass& given) const;
  Variable attention_part(Tape& tape, int64_t layer, const Stream& from, const Pass& given) const;
  Variable mlp_part(Tape& tape, int64_t layer, const Stream& from, const Pass& given) const;

  ModelConfig config_;
  int64_t vocabulary_;
  std::vector<std::unique_ptr<PositionEncoding>> encodings_;  // one for all layers, or one for each
  ParameterSet parameters_;
  // Null where there are none:
  Parameter *tokens_ = nullptr, *types_ = nullptr, *sinks_ = nullptr, *dedicated_ = nullptr;
  std::unique_ptr<Norm> embedding_norm_;
  Dropout embedding_dropout_;
  std::vector<Block> blocks_;
  std::unique_ptr<Norm> final_, transform_norm_;  // null where there are none
  Linear transform_, output_;
};

}  // namespace waiver
