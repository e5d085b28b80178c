#include "data/windows.h"

#include <algorithm>
#include <filesystem>

#include "core/digest.h"
#include "core/error.h"
#include "core/files/files.h"

namespace waiver {
namespace {

std::string working_directory() {
  std::error_code none;
  const auto path = std::filesystem::current_path(none);
  return none ? "which is gone" : path.string();
}

}  // namespace

void WindowDataset::options(FieldVisitor& v) {
  v.field({"limit", "how many tokens of the training part are used, from its start; 0: all",
           at_least(0)},
          limit_);
  FramedDataset::options(v);
}

int64_t WindowDataset::validation_windows(int64_t T) const {
  return (std::ssize(validation_) - 1) / fresh(T);
}

void WindowDataset::fill(const Draws& draws, Batch& out) const {
  const int64_t T = out.tokens, step = fresh(T);
  const std::vector<int32_t>& from = draws.split() == Split::train ? train_ : validation_;
  for (int64_t b = 0; b < out.batch; ++b) {
    const SequenceRandom edits = draws.numbers("edits", b, T + 1);
    const int64_t start = draws.split() == Split::validation
                              ? draws.sequence(b) % validation_windows(T) * step
                              : draws.numbers("", b, 1).below(0, std::ssize(from) - step);
    int32_t *x = &out.inputs[b * T], *y = &out.targets[b * T];
    for (int64_t t = 0; t <= T; ++t) {
      int32_t token = place(t);
      if (token == kData) token = from[start + std::max<int64_t>(t - first(), 0)];
      if (token == kRandom) token = content()(edits.uniform(t));
      if (t < T) x[t] = token;
      if (t > 0) y[t - 1] = token;
    }
  }
}

std::string WindowDataset::read_corpus(const std::string& key, const std::string& path,
                                       const std::string& hint) {
  std::string bytes;
  try {
    bytes = read_file(path);
  } catch (const Error& problem) {
    const bool relative = std::filesystem::path(path).is_relative();
    throw UsageError(key,
                     "the file " + path + ": " + problem.problem() +
                         (relative ? " Its path is relative to the working directory, " +
                                         working_directory() + "."
                                   : ""),
                     hint);
  }
  if (bytes.empty()) throw UsageError(key, "the file " + path + " is empty", hint);
  files_.push_back({key, path, std::ssize(bytes), sha256(bytes)});
  return bytes;
}

void WindowDataset::cut_to_length(int64_t context, const std::string& where) {
  if (limit_ > std::ssize(train_))
    throw UsageError("data.limit",
                     "the training part has only " + std::to_string(train_.size()) + " tokens",
                     "0 uses all of them.");
  if (limit_ > 0) train_.resize(limit_);
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
