#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/intervention.h"
#include "probe/edits/edit_rule.h"

namespace waiver {

/// One change of a forward pass: `{at: [blocks.*.attn.v], edit: zero, positions: [0], heads: [1]}`.
/// Positions are numbers or names, such as `waiver`, to which the caller assigns numbers.
struct EditConfig {
  std::vector<std::string> at;  // named points; `*` stands for any characters
  Kind<EditRule> edit{"zero"};
  std::vector<std::string> positions = {};  // empty: all; of scores and pattern these are the keys
  std::vector<std::string> except = {};     // excluded from the above
  std::vector<std::string> queries = {};    // scores and pattern only; empty: all
  std::vector<int64_t> heads = {};          // empty: all

  void visit(FieldVisitor& v);
  /// The points of the model that it names.
  std::vector<PlacedPoint> points(const ModelConfig& model) const;
};

using PositionNames = std::map<std::string, int64_t>;

/// What a natural pass had at some points, for all sequences of a batch.
class DonorStates : public Intervention {
 public:
  DonorStates(std::vector<PlacedPoint> points, const ModelConfig& model, int64_t tokens);
  bool edits(int64_t layer, Point point) const override;
  /// Changes nothing: keeps what is there.
  void edit(int64_t layer, Point point, const Tensor& t) override;
  /// Of one sequence and head, [T, width].
  std::vector<float> at(const PlacedPoint& point, int64_t sequence, int64_t head,
                        int64_t heads) const;

 private:
  std::vector<PlacedPoint> points_;
  int64_t sinks_, tokens_;
  std::vector<std::vector<float>> states_;  // of each point: [sequences · T, C]
  std::vector<int64_t> widths_;             // C
};

/// Edits as an intervention. The ids at `tokens` and `positions` are edited before the pass, by the
/// caller. What the mask hides stays hidden, and padding stays as it is. Edits are applied in the
/// order given; each sees the result of those before it.
class Edits : public Intervention {
 public:
  /// For sequences of `tokens` tokens. Throws UsageError for impossible edits: unknown points,
  /// positions or heads, or a rule that makes no sense there.
  Edits(std::vector<EditConfig> edits, const ModelConfig& model, int64_t tokens,
        const PositionNames& names = {});
  /// For names that stand for other positions in each sequence of a batch, one entry each; a single
  /// entry is for all of them.
  Edits(std::vector<EditConfig> edits, const ModelConfig& model, int64_t tokens,
        std::vector<PositionNames> names);

  /// Whether there are none.
  bool empty() const { return configs_.empty(); }
  /// Whether sequences must pass one by one.
  bool one_by_one() const { return names_.size() > 1; }
  /// Says how many tokens the sequences of the batch have, without padding, and which of them is
  /// the first of the next pass. Without it all have as many as there are. Throws UsageError where
  /// an edit names a position that is padding in one of the sequences, or needs one of another.
  void begin(int64_t sequence, std::span<const int64_t> lengths);
  /// Throws UsageError for an edit whose other sequence, in a batch of `sequences`, is the same
  /// one.
  void check_donors(int64_t sequences) const;
  /// The points at which vectors of other sequences are wanted; where there are some, `donors` must
  /// be given before the first pass, and outlive the last.
  std::vector<PlacedPoint> donor_points() const;
  void give(const DonorStates& donors) { donors_ = &donors; }

  bool edits(int64_t layer, Point point) const override;
  void edit(int64_t layer, Point point, const Tensor& t) override;

  /// Edits the ids of `batch` sequences [B·T] and of the positions [T], and features [B·T, C].
  void edit_tokens(std::vector<int32_t>& tokens, int64_t vocabulary) const;
  void edit_features(std::vector<float>& features) const;
  void edit_positions(std::vector<int32_t>& positions) const;

 private:
  /// An edit resolved to points of the model and numbered positions.
  struct Resolved {
    EditConfig config;
    std::vector<PlacedPoint> at;
    std::vector<int64_t> positions, queries, heads;
    int64_t from = -1;  // or where `from` is in each sequence of the batch:
    std::vector<int64_t> donor_from = {};

    bool is_at(int64_t layer, Point point) const;
  };
  Resolved resolve(const EditConfig& edit, size_t index, const PositionNames& names) const;
  std::vector<PlacedPoint> points_at(const EditConfig& edit, const std::string& where) const;
  void apply(const Resolved& edit, int64_t layer, Point point, const Tensor& t) const;
  void apply_to_ids(Point point, std::vector<int32_t>& ids, int64_t end) const;

  void resolve_all(const PositionNames& names);
  void check_padding() const;
  /// How many tokens sequence b of the pass has; at `positions`, all have the same.
  int64_t length(Point point, int64_t b) const {
    return lengths_.empty() || point == Point::positions ? tokens_ : lengths_[first_ + b];
  }

  ModelConfig model_;
  int64_t tokens_;
  std::vector<EditConfig> configs_;
  std::vector<PositionNames> names_;
  std::vector<Resolved> edits_;  // of the current sequence, or of all
  const DonorStates* donors_ = nullptr;
  int64_t first_ = 0, sequences_ = 1;  // of the pass, and of the batch
  std::vector<int64_t> lengths_;       // of its sequences; empty: no padding
};

}  // namespace waiver
