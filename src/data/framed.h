#pragma once

#include <algorithm>

#include "data/dataset.h"

namespace waiver {

/// What replaces tokens of every sequence.
struct TokenEdits {
  std::vector<int64_t> fixed_at, random = {0, 0};
  int64_t fixed_token = -1;

  void visit(FieldVisitor& v);
};

/// A dataset with tokens at chosen positions of every sequence. Of T + 1 tokens, the last of which
/// is a target only, position t holds the first of these that applies:
///   edits.fixed_token where t is in edits.fixed_at;
///   a token drawn uniformly from `content` where edits.random = [a, b) holds t;
///   the first token where t < first;
///   the last token where T − last ≤ t < T; T then holds nothing, and the target is −1;
///   else a token of the data.
/// Training, validation and probes are edited alike (Gu et al., 2410.10781, section 5).
class FramedDataset : public Dataset {
 public:
  void options(FieldVisitor& v) override;
  int64_t vocabulary() const final { return vocabulary_; }
  TokenRange content() const final { return content_; }
  bool fixed(int64_t t) const final { return place(t) >= 0; }
  std::vector<int32_t> front() const final;
  std::vector<int32_t> back() const final { return std::vector<int32_t>(last_, last_token_); }
  std::string text(int32_t token) const final;
  /// first: the first tokens, or the one at position 0; separator: the last token, where there is
  /// one; those of the data's own, which come before all of these where a token has two; other.
  std::vector<std::string> key_roles() const final;
  int64_t key_role(const int32_t* inputs, int64_t t) const final;

 protected:
  /// `first` is the default of the option.
  explicit FramedDataset(int64_t first) : first_(first) {}

  /// Must be called by `open`: the ids of the data are 0 … ids − 1, including the first token's;
  /// the last token, where there is one, takes the next id. Throws UsageError for impossible edits.
  void set_frame(int64_t context, int64_t ids, TokenRange content, int32_t first_token);

  /// Says that every sequence begins with these tokens of the data.
  void set_front(std::span<const int32_t> tokens);
  /// The key of an option that puts tokens around those of the data, or in place of some; empty:
  /// none does.
  std::string frame_option() const;

  int64_t first() const { return first_; }
  int64_t last() const { return last_; }
  /// What position t ≤ T holds: a token id or one of these.
  enum Place : int32_t { kNothing = -1, kData = -2, kRandom = -3 };
  int32_t place(int64_t t) const { return t < std::ssize(places_) ? places_[t] : kData; }

  /// Key roles of the data's own, by name, and the number of the one that the token at t has; −1:
  /// it has none of them.
  virtual std::vector<std::string> own_key_roles() const { return {}; }
  virtual int64_t own_key_role(int32_t /*token*/, int64_t /*t*/) const { return -1; }
  /// Whether t is the place of a first token, or position 0.
  bool is_first(int64_t t) const { return t < std::max<int64_t>(1, first_); }

  /// A token of the data as people read it.
  virtual std::string word(int32_t token) const { return std::to_string(token); }

 private:
  void check_edits(int64_t context) const;

  int64_t first_, last_ = 0;
  TokenEdits edits_;
  int64_t vocabulary_ = 0;
  TokenRange content_;
  int32_t last_token_ = -1;
  int64_t other_role_ = 0;
  std::vector<int32_t> places_;  // of positions 0 … T
};

}  // namespace waiver
