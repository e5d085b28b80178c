#include "data/windows.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>

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
  if (validation_.length > 0) return validation_.sequences();
  return (std::ssize(validation_.ids) - 1) / fresh(T);
}

void WindowDataset::fill(const Draws& draws, Batch& out) const {
  const bool sequences = part(draws.split()).length > 0;
  for (int64_t b = 0; b < out.batch; ++b)
    sequences ? copy_sequence(draws, b, out) : cut_window(draws, b, out);
}

void WindowDataset::cut_window(const Draws& draws, int64_t b, Batch& out) const {
  const int64_t T = out.tokens, step = fresh(T);
  const std::vector<int32_t>& from = part(draws.split()).ids;
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

void WindowDataset::copy_sequence(const Draws& draws, int64_t b, Batch& out) const {
  const TokenArray& from = part(draws.split());
  const int64_t T = out.tokens, count = from.sequences();
  const int64_t which = draws.split() == Split::train ? draws.numbers("", b, 1).below(0, count)
                                                      : draws.sequence(b) % count;
  const int32_t* sequence = &from.ids[which * from.length];
  for (int64_t t = 0; t < T; ++t) {
    out.inputs[b * T + t] = sequence[t];
    out.targets[b * T + t] = t + 1 < from.length ? sequence[t + 1] : -1;
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

void WindowDataset::apply_limit() {
  const std::string has =
      "the training part has only " + std::to_string(train_.ids.size()) + " tokens";
  if (limit_ > std::ssize(train_.ids)) throw UsageError("data.limit", has, "0 uses all of them.");
  if (train_.length > 0 && limit_ % train_.length != 0)
    throw UsageError("data.limit",
                     std::to_string(limit_) + " tokens are no whole number of sequences of " +
                         std::to_string(train_.length),
                     "0 uses all of them.");
  if (limit_ > 0) train_.ids.resize(limit_);
}

void WindowDataset::check_length(const TokenArray& part, int64_t context,
                                 const std::string& where) const {
  const std::string T = std::to_string(context), N = std::to_string(part.length),
                    name = &part == &train_ ? "the training" : "the validation";
  if (part.ids.empty() || (part.length == 0 && std::ssize(part.ids) <= context))
    throw UsageError(where,
                     name + " part has " + std::to_string(part.ids.size()) +
                         " tokens, too few for one sequence of model.context = " + T +
                         " and its next token",
                     "Give more text, another split, or a shorter context.");
  if (part.length > 0 && part.length < context)
    throw UsageError("model.context",
                     T + " is more than the " + N + " tokens of each sequence of " + name + " part",
                     "Write model.context=" + N + ", or make longer sequences.");
  if (const std::string option = frame_option(); part.length > 0 && !option.empty())
    throw UsageError(option,
                     name + " part consists of sequences, whose tokens are taken as they are",
                     "scripts/make_tokens.py puts tokens around them: --first, --last.");
}

// The tokens with which all sequences begin, where there is more than one.
void WindowDataset::find_front(int64_t context) {
  std::optional<std::vector<int32_t>> front;
  bool several = false;
  for (const TokenArray* part : {&validation_, &train_}) {
    if (part->ids.empty()) continue;
    if (part->length == 0) return;
    several |= part->sequences() > 1;
    for (auto at = part->ids.begin(); at != part->ids.end(); at += part->length) {
      const std::span<const int32_t> sequence(at, at + context);
      if (!front) front.emplace(sequence.begin(), sequence.end());
      front->erase(std::ranges::mismatch(*front, sequence).in1, front->end());
    }
  }
  if (several) set_front(*front);
}

void WindowDataset::cut_to_length(int64_t context, const std::string& where) {
  apply_limit();
  for (const Split split : {Split::train, Split::validation})
    if (has(split)) check_length(part(split), context, where);
  find_front(context);
}

}  // namespace waiver
