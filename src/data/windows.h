#pragma once

#include <vector>

#include "data/framed.h"

namespace waiver {

/// Sequences cut from one long stream of tokens. Training and probe windows begin at random places;
/// validation walks through its part from the start, window after window, so that enough sequences
/// cover the whole part once. A token that an edit puts in place of another replaces it.
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
  /// Drops what lies beyond the limit; throws UsageError where a part is shorter than one window.
  void cut_to_length(int64_t context, const std::string& where);

  std::vector<int32_t> train_, validation_;

 private:
  // How many tokens of the data a sequence of T needs.
  int64_t fresh(int64_t T) const { return T - first() - (place(T) == kNothing ? last() : 0); }

  int64_t limit_ = 0;
  std::vector<DataFile> files_;
};

}  // namespace waiver
