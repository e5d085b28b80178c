#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "data/token_file.h"
#include "model/transformer.h"
#include "run/memory.h"

namespace waiver {

/// A trained model with its config and its data, open.
struct SavedModel {
  std::filesystem::path checkpoint;
  int64_t step = 0;
  Config config;
  std::unique_ptr<Dataset> data;
  MemoryUse memory = {};                         // of what it is read for
  std::unique_ptr<Transformer> model = nullptr;  // once it is loaded
};

/// Sequences of token ids to look at instead of those of the data, and where they come from, for
/// messages.
struct ChosenTokens {
  std::string from;
  TokenArray tokens;  // at least one sequence
};
/// Chooses them once the data is open.
using ChooseTokens = std::function<ChosenTokens(const Config&, const Dataset&)>;

/// Opens a checkpoint folder, or the newest checkpoint of a run directory. Overrides change its
/// config; a shorter model.context takes the first rows of a position table. What is measured, but
/// for validation, is what the run's probes look at: model.context becomes probe.context where
/// there is one. Throws Error where the checkpoint is missing or damaged, where the context is
/// longer than the encoding allows, and where the data's files are not those that the model learned
/// from, unless the overrides name them (data.path=FILE): tokens are then matched by their strings.
/// Throws UsageError before anything is computed where its intended use needs data and there is
/// none, and where it cannot fit into memory. With a choice, model.context and probe.batch are
/// those of the chosen sequences, which are then all that the data gives; throws UsageError, naming
/// where they come from, where the model does not take so many tokens.
SavedModel open_saved(const std::string& path, const std::vector<std::string>& overrides,
                      const Reading& reading, const ChooseTokens& choose = {});
/// Determines anew how much memory an open one takes, now that it is known better what for. Throws
/// as open_saved does.
void require_memory(SavedModel& saved, Reading reading);
/// Reads the weights of one that is open. Throws Error where the checkpoint is damaged.
void load_model(SavedModel& saved);
/// Both.
SavedModel load_saved(const std::string& path, const std::vector<std::string>& overrides,
                      const Reading& reading);

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
