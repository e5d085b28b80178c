#pragma once

#include <vector>

#include "data/dataset.h"

namespace waiver {

/// Sequences cut from one long row of tokens. Training and probe windows begin at random places;
/// validation walks through its part from the front, window after window, so that enough batches
/// are the whole part, once.
class WindowDataset : public Dataset {
 public:
  void batch(uint64_t seed, Split split, int64_t index, Batch& out) const override;
  int32_t first_token() const override { return first_token_; }
  int64_t validation_windows(int64_t T) const override;

 protected:
  /// The bytes of the file that `key` names; throws UsageError where it cannot be read.
  static std::string read_corpus(const std::string& key, const std::string& path,
                                 const std::string& hint = {});
  /// Throws UsageError where a part is shorter than one window.
  void check_lengths(int64_t context, const std::string& where) const;

  std::vector<int32_t> train_, validation_;
  int32_t first_token_ = -1;  // prepended to every window when ≥ 0
};

}  // namespace waiver
