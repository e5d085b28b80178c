#include "run/start_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include "core/digest.h"
#include "core/error.h"
#include "core/files/files.h"
#include "model/transformer.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr char kKey[] = "train.from";

std::string how_to_name(const fs::path& path) {
  const auto saved = list_checkpoints(path / "checkpoints");
  if (!saved.empty())
    return fmt::format("It is a run: name one of its checkpoints, such as {}.",
                       saved.back().string());
  return fmt::format(
      "Name one of a run, relative to the working directory, {}: RUN/checkpoints/step-00001000.",
      fs::current_path().string());
}

std::vector<std::string> lines_of(const Config& config) {
  std::vector<std::string> lines;
  std::istringstream text(to_yaml(config));
  for (std::string line; std::getline(text, line);) {
    line.erase(0, line.find_first_not_of(' '));
    lines.push_back(line);
  }
  return lines;
}

// In what the models differ beside the mask, precision, dropout and how weights were drawn; empty
// where in nothing.
std::string difference(const ModelConfig& trained, const Config& now) {
  Config then = now;
  then.model = trained;
  then.model.attention.mask = now.model.attention.mask;
  then.model.precision = now.model.precision;
  then.model.dropout = now.model.dropout;
  then.model.init = now.model.init;
  const auto before = lines_of(then), after = lines_of(now);
  const auto [was, is] = std::ranges::mismatch(before, after);
  if (was == before.end() && is == after.end()) return {};
  return fmt::format("it has \"{}\", and here it is \"{}\"", was == before.end() ? "" : *was,
                     is == after.end() ? "" : *is);
}

// The weights; none where the config names none.
std::optional<DataFile> start_file(const Config& config) {
  if (config.train.from.empty()) return {};
  const fs::path from = config.train.from, weights = from / "model.safetensors";
  if (!fs::exists(weights))
    throw UsageError(kKey, config.train.from + " is no checkpoint", how_to_name(from));
  const std::string bytes = read_file(weights);
  return DataFile{kKey, weights.string(), std::ssize(bytes), sha256(bytes)};
}

}  // namespace

DataRecord record_of(const Config& config, const Dataset& data) try {
  DataRecord record = DataRecord::of(data);
  if (const auto start = start_file(config)) record.files.push_back(*start);
  return record;
} catch (const UsageError& problem) {
  throw_placed(config, problem);
}

void check_start(const Config& config, const Dataset& data) try {
  if (!start_file(config)) return;
  try {
    const CheckpointInfo info = read_checkpoint_info(config.train.from);
    const Config trained = parse_config(info.config, "the config in " + config.train.from);
    if (const std::string what = difference(trained.model, config); !what.empty())
      throw UsageError(kKey, fmt::format("{} is of another model: {}", config.train.from, what),
                       "Mask, precision and dropout may differ, nothing else.");
    if (!info.data.empty())
      check_same_words(DataRecord::parse(info.data, config.train.from), DataRecord::of(data),
                       config.train.from);
    Transformer model(config.model, data.vocabulary(), 0);
    load_checkpoint(config.train.from, model.parameters(), nullptr);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& problem) {
    throw UsageError(kKey, fmt::format("training cannot begin with it: {}", problem.what()));
  }
} catch (const UsageError& problem) {
  throw_placed(config, problem);
}

void check_start_elsewhere(const Config& config, const fs::path& folder) {
  if (config.train.from.empty()) return;
  const fs::path from = fs::weakly_canonical(config.train.from), own = fs::weakly_canonical(folder);
  if (std::ranges::mismatch(own, from).in1 == own.end())
    throw UsageError(kKey, config.train.from + " is in the folder of this run itself",
                     "Choose another place with --out.");
}

}  // namespace waiver
