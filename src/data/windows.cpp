#include "data/windows.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"

namespace waiver {

int64_t WindowDataset::validation_windows(int64_t T) const {
  const int64_t fresh = first_token_ < 0 ? T : T - 1;
  return (std::ssize(validation_) - 1) / fresh;
}

void WindowDataset::batch(uint64_t seed, Split split, int64_t index, Batch& out) const {
  const int64_t T = out.tokens, fresh = first_token_ < 0 ? T : T - 1, skip = T - fresh;
  const std::vector<int32_t>& from = split == Split::train ? train_ : validation_;
  const Random random(seed, split_name(split), static_cast<uint64_t>(index));
  for (int64_t b = 0; b < out.batch; ++b) {
    const int64_t start = split == Split::validation
                              ? (index * out.batch + b) % validation_windows(T) * fresh
                              : random.below(b, std::ssize(from) - fresh);
    int32_t *x = &out.inputs[b * T], *y = &out.targets[b * T];
    if (skip) {
      x[0] = first_token_;
      y[0] = from[start];
    }
    std::copy_n(&from[start], fresh, x + skip);
    std::copy_n(&from[start + 1], fresh, y + skip);
  }
}

std::string WindowDataset::read_corpus(const std::string& key, const std::string& path,
                                       const std::string& hint) {
  try {
    return read_file(path);
  } catch (const Error&) {
    throw UsageError(key, "the file " + path + " cannot be read", hint);
  }
}

void WindowDataset::check_lengths(int64_t context, const std::string& where) const {
  for (const auto* part : {&train_, &validation_})
    if (std::ssize(*part) <= context)
      throw UsageError(where,
                       std::string(part == &train_ ? "the training" : "the validation") +
                           " part has " + std::to_string(part->size()) +
                           " tokens, too few for one sequence of model.context = " +
                           std::to_string(context) + " and its next token",
                       "Give more text, another split, or a shorter context.");
}

}  // namespace waiver
