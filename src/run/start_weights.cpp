#include "run/start_weights.h"

#include <algorithm>
#include <filesystem>

#include "core/digest.h"
#include "core/error.h"
#include "core/files/files.h"
#include "model/transformer.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr char kKey[] = "train.from";

}  // namespace

std::optional<DataFile> start_file(const Config& config) {
  if (config.train.from.empty()) return {};
  const fs::path weights = fs::path(config.train.from) / "model.safetensors";
  if (!fs::exists(weights))
    throw UsageError(kKey, config.train.from + " is no checkpoint",
                     "Name one of a run, relative to the working directory: "
                     "RUN/checkpoints/step-00001000.");
  const std::string bytes = read_file(weights);
  return DataFile{kKey, weights.string(), std::ssize(bytes), sha256(bytes)};
}

void check_start(const Config& config, const Dataset& data) {
  if (config.train.from.empty()) return;
  Transformer model(config.model, data.vocabulary(), 0);
  try {
    load_checkpoint(config.train.from, model.parameters(), nullptr);
  } catch (const Error& problem) {
    throw UsageError(kKey, "training cannot begin with " + std::string(problem.what()));
  }
}

void check_start_elsewhere(const Config& config, const fs::path& folder) {
  if (config.train.from.empty()) return;
  const fs::path from = fs::weakly_canonical(config.train.from), own = fs::weakly_canonical(folder);
  if (std::ranges::mismatch(own, from).in1 == own.end())
    throw UsageError(kKey, config.train.from + " is in the folder of this run itself",
                     "Choose another place with --out.");
}

}  // namespace waiver
