#include "inspect/given.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"
#include "inspect/probe_report.h"

namespace waiver {
namespace {

constexpr char kText[] = "--text", kTokenFile[] = "--token-file";

std::vector<int32_t> encoded(const std::string& text, const Config& config,
                             const Dataset& data) try {
  if (config.data.name() == "tokens")
    throw UsageError(kText, "this run's data is of token ids, and what makes them is not known",
                     "scripts/make_tokens.py turns text into ids, which --token-file takes.");
  return data.encode(text);
} catch (const UsageError& problem) {
  throw UsageError(kText, problem.problem());
}

TokenArray tokens_of_text(const std::string& text, const Config& config, const Dataset& data) {
  TokenArray out{data.front()};
  for (const std::vector<int32_t>& part : {encoded(text, config, data), data.back()})
    out.ids.insert(out.ids.end(), part.begin(), part.end());
  out.length = std::ssize(out.ids);
  return out;
}

TokenArray tokens_of_file(const std::string& file, const Dataset& data) {
  std::string bytes;
  try {
    bytes = read_file(file);
  } catch (const Error& problem) {
    throw UsageError(kTokenFile, problem.what());
  }
  const TokenFormat format = data.vocabulary() > 65536 ? TokenFormat::uint32 : TokenFormat::uint16;
  TokenArray out = parse_tokens(kTokenFile, file, bytes, format, data.vocabulary());
  if (out.length == 0) out.length = std::ssize(out.ids);
  return out;
}

// Between the fewest and the most tokens that a sequence has before its padding.
std::pair<int64_t, int64_t> lengths(const SavedModel& saved) {
  const int64_t B = saved.config.probe.batch, T = saved.config.model.context;
  Batch batch;
  batch.resize(B, T);
  saved.data->batch(0, Split::probe, 0, batch);
  std::pair<int64_t, int64_t> out = {T, 0};
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = saved.data->length(&batch.inputs[b * T], T);
    out = {std::min(out.first, length), std::max(out.second, length)};
  }
  return out;
}

std::string described_file(const std::string& file, const SavedModel& saved) {
  const int64_t count = saved.config.probe.batch, T = saved.config.model.context;
  const auto [fewest, most] = lengths(saved);
  std::string text = fmt::format("{} sequence{} of {} tokens, as in {}; nothing is added", count,
                                 count == 1 ? "" : "s", T, file);
  if (fewest < T)
    text += fmt::format("\nBefore the padding, {}: {} … {} tokens",
                        token_cell(saved.data->text(saved.data->padding())), fewest, most);
  return text;
}

std::string described_text(const SavedModel& saved) {
  const std::vector<int32_t> front = saved.data->front(), back = saved.data->back();
  const auto names = [&](const std::vector<int32_t>& tokens) {
    std::vector<std::string> out;
    for (const int32_t token : tokens) out.push_back(token_cell(saved.data->text(token)));
    return fmt::format("{}", fmt::join(out, " "));
  };
  const int64_t T = saved.config.model.context, own = T - std::ssize(front) - std::ssize(back);
  std::vector<std::string> parts;
  if (!front.empty())
    parts.push_back(fmt::format("{}, as every sequence of the data begins", names(front)));
  parts.push_back(fmt::format("{} of the text", own));
  if (!back.empty()) parts.push_back(fmt::format("{}, as every one ends", names(back)));
  if (parts.size() == 1) parts.push_back("nothing is added");
  return fmt::format("{} tokens: {}", T, fmt::join(parts, "; "));
}

}  // namespace

SavedModel open_given(const std::string& path, const std::vector<std::string>& overrides,
                      const Given& given, const Reading& reading) {
  const std::string from = given.text ? kText : kTokenFile;
  return open_saved(path, overrides, reading, [&](const Config& config, const Dataset& data) {
    if (data.features() > 0)
      throw UsageError(from, "this model takes features, which are no tokens",
                       "Omit it: the data's probe batch is measured.");
    ChosenTokens chosen{from, given.text ? tokens_of_text(*given.text, config, data)
                                         : tokens_of_file(given.file, data)};
    if (chosen.tokens.ids.empty()) throw UsageError(from, "there are no tokens");
    if (chosen.tokens.length < 2)
      throw UsageError(from, "a sequence of 1 token is too short: it needs 2 or more");
    return chosen;
  });
}

void check_mechanism(const SavedModel& saved) {
  if (saved.config.probe.batch == 1)
    throw UsageError("--mechanism",
                     "its tests take means over sequences, and put values of one into another, "
                     "but there is only one",
                     "Give several with --token-file: a .npy file of two axes.");
  if (saved.data->mask_token() >= 0 && saved.config.model.gives_logits())
    throw UsageError("--mechanism",
                     "its tests compare losses over masked tokens, and in given sequences none is "
                     "masked",
                     "Omit it, or name the file as data: data.validation=FILE.");
}

std::string described(const Given& given, const SavedModel& saved) {
  std::string text = given.text ? described_text(saved) : described_file(given.file, saved);
  if (saved.data->mask_token() >= 0)
    text += "\nNo token is masked, so the loss over masked tokens does not apply";
  return text;
}

}  // namespace waiver
