#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/fields/kind.h"
#include "data/draws.h"

namespace waiver {

/// B sequences of T tokens and the target at each of them: the token that follows, or what an
/// objective puts there; −1: none. All arrays are [B·T], row-major. Where the data has real-valued
/// features, `inputs` says what kind each token is, `features` and `answers` hold what the model is
/// given and what it must answer, and a target of −1 means that its answer does not count.
struct Batch {
  int64_t batch = 0, tokens = 0;
  std::vector<int32_t> inputs, targets;
  std::vector<int32_t> whole;  // the inputs before tokens were masked; empty when none are
  std::vector<float> features, answers;  // [B·T, F]; empty where the data is of tokens

  void resize(int64_t b, int64_t t) {
    batch = b;
    tokens = t;
    inputs.resize(b * t);
    targets.resize(b * t);
  }
};

/// How many targets there are to predict (those ≥ 0).
int64_t count_targets(std::span<const int32_t> targets);

/// Token ids begin … end − 1, without some. REQUIRES: those are ascending, and not all.
struct TokenRange {
  int32_t begin = 0, end = 0;
  std::vector<int32_t> except = {};

  bool contains(int32_t token) const;
  /// The uniform draw for u ∈ [0, 1).
  int32_t operator()(double u) const;
};

/// The query role of tokens that a task gives nothing to look up.
inline constexpr int64_t kPlain = 0;

/// A file that data was read from: the key that names it, or an empty key where the file is part of
/// the program.
struct DataFile {
  std::string key, path;
  int64_t bytes = 0;
  std::string sha256;
};

/// A source of sequences. A batch is a pure function of the seed, the split and the index.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual void options(FieldVisitor&) {}

  /// Reads the files that the options name and checks them; throws UsageError that names the key or
  /// the file. Must be called before everything below. `context` is the T that batches will have.
  virtual void open(int64_t context) = 0;
  /// The files it was read from, known once it is open; none where the options alone define the
  /// data.
  virtual std::vector<DataFile> files() const { return {}; }
  /// The strings of its own tokens (`content`) by id, known once it is open; none where ids stand
  /// for themselves.
  virtual std::vector<std::string> words() const { return {}; }
  /// Makes `open` use these strings as its tokens instead of those found in the files. Does nothing
  /// where ids stand for themselves or the task defines the strings.
  virtual void use_words(std::vector<std::string>) {}

  virtual int64_t vocabulary() const = 0;
  /// How many real-valued features each token has, known before `open`; 0: the data is tokens.
  virtual int64_t features() const { return 0; }
  /// How many of the last token ids have no features, known before `open`: a model learns a vector
  /// for each (model.dedicated).
  virtual int64_t dedicated() const { return 0; }
  /// Fills out.inputs and out.targets, and out.features and out.answers where there are features;
  /// REQUIRES: `out` has the right size.
  virtual void fill(const Draws& draws, Batch& out) const = 0;
  /// The same by seed, split and index: the number of the batch, or for validation that of its
  /// first sequence.
  void batch(uint64_t seed, Split split, int64_t index, Batch& out) const {
    fill({seed, split, index}, out);
  }

  /// Whether there are sequences to train on, or to validate on and probe: the options may name
  /// neither. Known before `open`.
  virtual bool has(Split) const { return true; }
  /// How many validation sequences of T tokens there are before they repeat; 0: no limit.
  /// REQUIRES: there are some.
  virtual int64_t validation_windows(int64_t /*T*/) const { return 0; }

  /// The roles that tokens play in attention, by name: every token has one as a query and one as a
  /// key. Query role 0 is kPlain.
  virtual std::vector<std::string> query_roles() const { return {"plain"}; }
  virtual std::vector<std::string> key_roles() const { return {"first", "other"}; }
  /// The number of the role of the token at `t` in the sequence `inputs`.
  virtual int64_t query_role(const int32_t* /*inputs*/, int64_t /*t*/) const { return kPlain; }
  virtual int64_t key_role(const int32_t* /*inputs*/, int64_t t) const { return t == 0 ? 0 : 1; }

  /// For tasks only: whether true distributions are known.
  virtual bool is_task() const { return false; }
  /// The true distribution of the token after inputs[0..t], into p [vocabulary].
  virtual void next(const int32_t* /*inputs*/, int64_t /*t*/, std::span<float> /*p*/) const {}

  /// A token as people read it.
  virtual std::string text(int32_t token) const { return std::to_string(token); }
  /// The separator between two tokens of a text.
  virtual std::string_view separator() const { return " "; }
  /// The tokens of a text; throws UsageError about `prompt` where this vocabulary cannot express
  /// it.
  virtual std::vector<int32_t> encode(std::string_view text) const;

  /// The token that fills up sequences at their end, or −1: none does.
  virtual int32_t padding() const { return -1; }
  /// How many of a sequence's T tokens come before its padding.
  int64_t length(const int32_t* inputs, int64_t T) const;

  /// The ids of the data's own tokens, without special tokens and padding.
  virtual TokenRange content() const { return {0, static_cast<int32_t>(vocabulary())}; }
  /// Whether every sequence has the same token at position t.
  virtual bool fixed(int64_t /*t*/) const { return false; }
  /// The tokens with which every sequence begins.
  virtual std::vector<int32_t> front() const { return {}; }
  /// The last tokens that are put after every sequence.
  virtual std::vector<int32_t> back() const { return {}; }
  /// The mask token, or −1 where no tokens are masked.
  virtual int32_t mask_token() const { return -1; }
};

}  // namespace waiver
