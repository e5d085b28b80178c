#include "experiment/saved.h"

#include <fmt/format.h>

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

// What is added to the embeddings is there for the positions of the trained context alone.
void check_context(const ModelConfig& trained, const ModelConfig& now) {
  const Kind<PositionEncoding>& encoding = now.position.of_layer(0);
  if (now.context <= trained.context || encoding->acts() != Acts::on_embeddings) return;
  throw UsageError(
      "model.context",
      fmt::format("{} is more than the {} that the model was trained with, and {} adds "
                  "a vector for each of those to the embeddings, not for later ones",
                  now.context, trained.context, encoding.name()),
      "Longer texts are for models with none, rope, alibi or relative.");
}

}  // namespace

SavedModel load_saved(const std::string& path, const std::vector<std::string>& overrides) {
  SavedModel saved;
  saved.checkpoint = find_checkpoint(path);
  const CheckpointInfo info = read_checkpoint_info(saved.checkpoint);
  saved.step = info.step;
  const std::string name = (saved.checkpoint / "config").string();
  saved.config = parse_config(info.config, name, overrides);
  check_context(parse_config(info.config, name).model, saved.config.model);
  saved.data = open_data(saved.config);
  saved.model = std::make_unique<Transformer>(saved.config.model, saved.data->vocabulary(),
                                              static_cast<uint64_t>(saved.config.seed.init));
  load_checkpoint(saved.checkpoint, saved.model->parameters(), nullptr);
  return saved;
}

}  // namespace waiver
