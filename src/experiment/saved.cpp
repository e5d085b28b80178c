#include "experiment/saved.h"

#include "core/error.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

fs::path find_checkpoint(const fs::path& path) {
  if (!fs::exists(path)) throw UsageError(path.string(), "there is no such run or checkpoint");
  if (fs::exists(path / "model.safetensors")) return path;
  const auto saved = list_checkpoints(path / "checkpoints");
  if (saved.empty())
    throw UsageError(path.string(), "neither a checkpoint nor a run with a checkpoint",
                     "Give RUN, or RUN/checkpoints/step-….");
  return saved.back();
}

}  // namespace

SavedModel load_saved(const std::string& path, const std::vector<std::string>& overrides) {
  SavedModel saved;
  saved.checkpoint = find_checkpoint(path);
  const CheckpointInfo info = read_checkpoint_info(saved.checkpoint);
  saved.step = info.step;
  saved.config = parse_config(info.config, (saved.checkpoint / "config").string(), overrides);
  saved.data = open_data(saved.config);
  saved.model = std::make_unique<Transformer>(saved.config.model, saved.data->vocabulary(),
                                              static_cast<uint64_t>(saved.config.seed.init));
  load_checkpoint(saved.checkpoint, saved.model->parameters(), nullptr);
  return saved;
}

}  // namespace waiver
