#pragma once

#include <vector>

#include "data/framed.h"
#include "data/token_file.h"

namespace waiver {

/// Sequences of tokens from a training part and a validation part, from which probes come too.
/// Where a part is one long stream, windows are cut from it: for training and probes they begin at
/// random places; validation walks through its part from the start, window after window, so that
/// enough sequences cover the whole part once. A token that an edit puts in place of another
/// replaces it.
/// Where a part consists of sequences, each is a window of its own, or its beginning is, and the
/// last token of all has no target: training draws them at random, validation and probes take one
/// after the other from the first, and begin anew after the last. Nothing is put before, after or
/// in place of their tokens.
class WindowDataset : public FramedDataset {
 public:
  void options(FieldVisitor& v) override;
  void fill(const Draws& draws, Batch& out) const override;
  int64_t validation_windows(int64_t T) const override;
  std::vector<DataFile> files() const override { return files_; }

 protected:
  WindowDataset() : FramedDataset(0) {}
  /// The bytes of the file that `key` names, which is listed in `files` from then on; throws
  /// UsageError where it cannot be read or is empty.
  std::string read_corpus(const std::string& key, const std::string& path,
                          const std::string& hint = {});
  /// Drops what lies beyond the limit; throws UsageError where a part that is there is shorter than
  /// one window, and where sequences would need a frame.
  void cut_to_length(int64_t context, const std::string& where);

  TokenArray train_, validation_;

 private:
  const TokenArray& part(Split split) const { return split == Split::train ? train_ : validation_; }
  void check_length(const TokenArray& part, int64_t context, const std::string& where) const;
  void apply_limit();
  void find_front(int64_t context);
  void cut_window(const Draws& draws, int64_t b, Batch& out) const;
  void copy_sequence(const Draws& draws, int64_t b, Batch& out) const;
  // How many tokens of the data a sequence of T needs.
  int64_t fresh(int64_t T) const { return T - first() - (place(T) == kNothing ? last() : 0); }

  int64_t limit_ = 0;
  std::vector<DataFile> files_;
};

}  // namespace waiver
