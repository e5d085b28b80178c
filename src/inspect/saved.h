#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/transformer.h"
#include "run/memory.h"

namespace waiver {

/// A trained model with its config and its data, open.
struct SavedModel {
  std::filesystem::path checkpoint;
  int64_t step = 0;
  Config config;
  std::unique_ptr<Dataset> data;
  std::unique_ptr<Transformer> model;
};

/// Loads a checkpoint folder, or the newest checkpoint of a run directory. Overrides change its
/// config; a shorter model.context takes the first rows of a position table. Throws Error where the
/// checkpoint is missing or damaged, where the context is longer than the encoding allows, and
/// where the data's files are not those that the model learned from, unless the overrides name them
/// (data.path=FILE): tokens are then matched by their strings. Throws UsageError before anything is
/// computed where its intended use needs data and there is none, and where it cannot fit into
/// memory.
SavedModel load_saved(const std::string& path, const std::vector<std::string>& overrides,
                      Reading reading);

/// A trained model alone, as it was trained.
struct SavedWeights {
  std::filesystem::path checkpoint;
  int64_t step = 0;
  ModelConfig config;
  std::unique_ptr<Transformer> model;
};

/// The same without the data. Throws Error where the checkpoint is missing or damaged, UsageError
/// where its model takes features.
SavedWeights load_weights(const std::string& path);

}  // namespace waiver
