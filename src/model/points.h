#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waiver {

struct ModelConfig;

// The named points of a forward pass, in its order: what a Capture may be shown and an Intervention
// may change. A new point is one line here, and the place in Transformer that shows or passes it.
//
// B sequences of T tokens, C the width, H heads of D channels, V the vocabulary. S = R + T, R the
// sink tokens of the model: within blocks they are the first R of every S. A point with heads that
// is not a map has them side by side. Keys and values that heads share stand there once for each.

// clang-format off
//      Point           name              of         shape           kind     heads shown edited
//      what stands there
#define WAIVER_POINTS(POINT) \
  POINT(tokens,         "tokens",         input,     "[B·T]",        ids,     no,   no,   yes, \
        "the ids of the tokens") \
  POINT(features,       "features",       input,     "[B·T, C]",     vectors, no,   no,   yes, \
        "the features of the tokens, where the model takes them") \
  POINT(positions,      "positions",      input,     "[T]",          ids,     no,   no,   yes, \
        "the ids of the positions") \
  POINT(embed_position, "embed.position", model,     "[B·T, C]",     vectors, no,   no,   yes, \
        "what the encoding added to the embeddings") \
  POINT(embed,          "embed",          model,     "[B·T, C]",     vectors, no,   yes,  yes, \
        "embedding with its encoding") \
  POINT(attn_position,  "attn.position",  attention, "[B·S, C]",     vectors, no,   no,   yes, \
        "what the encoding added to the input of attention alone") \
  POINT(attn_in,        "attn.in",        attention, "[B·S, C]",     vectors, no,   yes,  no, \
        "the input of the query, key and value projections") \
  POINT(attn_q,         "attn.q",         attention, "[B·S, HD]",    vectors, yes,  no,   yes, \
        "queries, normalised and rotated") \
  POINT(attn_k,         "attn.k",         attention, "[B·S, HD]",    vectors, yes,  no,   yes, \
        "keys, normalised and rotated") \
  POINT(attn_v,         "attn.v",         attention, "[B·S, HD]",    vectors, yes,  no,   yes, \
        "values") \
  POINT(attn_qkv,       "attn.qkv",       attention, "[B·S, 3HD]",   vectors, no,   yes,  no, \
        "queries, keys and values, concatenated") \
  POINT(attn_scores,    "attn.scores",    attention, "[B, H, S, S]", scores,  yes,  yes,  yes, \
        "before the normaliser, bias included, query by key; −∞ where hidden") \
  POINT(attn_pattern,   "attn.pattern",   attention, "[B, H, S, S]", pattern, yes,  yes,  yes, \
        "weights after the normaliser, query by key; 0 where hidden") \
  POINT(attn_slot,      "attn.slot",      slot,      "[B, H, S]",    numbers, yes,  yes,  no, \
        "the weight of the slot's key for each query") \
  POINT(attn_mix,       "attn.mix",       attention, "[B·S, HD]",    vectors, yes,  yes,  yes, \
        "Σ_j A_ij v_j, before any gate") \
  POINT(attn_out,       "attn.out",       attention, "[B·S, C]",     vectors, no,   yes,  yes, \
        "the mix, gated and projected") \
  POINT(attn_added,     "attn.added",     attention, "[B·S, C]",     vectors, no,   yes,  no, \
        "the same, as it joins the stream") \
  POINT(mlp_out,        "mlp.out",        mlp,       "[B·S, C]",     vectors, no,   yes,  yes, \
        "output of the MLP, before any norm") \
  POINT(mlp_added,      "mlp.added",      mlp,       "[B·S, C]",     vectors, no,   yes,  no, \
        "the same, as it joins the stream") \
  POINT(effective,      "effective",      block,     "[B·S, C]",     vectors, no,   no,   yes, \
        "after the first block alone: effective encodings, what a position adds there, with what " \
        "the block's MLP makes of it, mean over contents") \
  POINT(resid,          "resid",          block,     "[B·S, C]",     vectors, no,   yes,  yes, \
        "residual stream after the block") \
  POINT(final_norm,     "final.norm",     model,     "[B·T, C]",     vectors, no,   yes,  yes, \
        "input of the output layer") \
  POINT(logits,         "logits",         model,     "[B·T, V]",     vectors, no,   yes,  yes, \
        "logits, or the model's answers to features, [B·T, C]")
// clang-format on

#define WAIVER_POINT_ENUMERATOR(point, ...) point,
enum class Point { WAIVER_POINTS(WAIVER_POINT_ENUMERATOR) };
#undef WAIVER_POINT_ENUMERATOR

/// What a point is part of: of the input, before the pass; of the model, once in it; of each block
/// that has attention, a slot or an MLP, or of each block whatever it has.
enum class PointOf { input, model, attention, slot, mlp, block };

enum class PointKind { ids, vectors, numbers, scores, pattern };

struct PointInfo {
  Point point;
  std::string_view name;  // within a block, without its number: `attn.pattern`
  PointOf of;
  std::string_view shape;
  PointKind kind;
  bool has_heads;
  bool shown;   // to a Capture
  bool edited;  // by an Intervention, or before the pass by whoever runs it
  std::string_view what;

  bool in_block() const { return of != PointOf::input && of != PointOf::model; }
  /// One number for each query and key.
  bool is_map() const { return kind == PointKind::scores || kind == PointKind::pattern; }
};

/// All points, in the order of the pass.
std::span<const PointInfo> points();
const PointInfo& about(Point point);

/// `blocks.2.attn.pattern`; `layer` is −1 outside the blocks.
std::string point_name(int64_t layer, Point point);
/// `blocks.*.attn.pattern`: that point of every block.
std::string in_every_block(Point point);

struct PlacedPoint {
  int64_t layer = -1;
  Point point = {};

  std::string name() const { return point_name(layer, point); }
  bool operator==(const PlacedPoint&) const = default;
};
/// Whether what a position adds can be told apart in the residual stream after the first block:
/// where vectors are added to the embeddings, and passed on.
bool has_effective_encoding(const ModelConfig& model);
/// The points that such a model has, in the order of the pass: those that it shows
/// (&PointInfo::shown), or those that may be edited (&PointInfo::edited).
std::vector<PlacedPoint> points_of(const ModelConfig& model, bool PointInfo::*which);

}  // namespace waiver
