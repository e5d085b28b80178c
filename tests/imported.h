#pragma once

#include <string>

#include "config/config.h"
#include "model/transformer.h"
#include "run/identity.h"
#include "temporary.h"
#include "train/checkpoint.h"

/// Runs of models that were trained elsewhere, with no data of their own.
namespace waiver {

/// Writes such a run of a fresh model into a folder. `words`: the strings of its tokens, if known.
inline void import_fresh(const std::filesystem::path& run, const std::string& yaml,
                         const std::vector<std::string>& words = {}) {
  const Config config = parse_config(yaml, "imported.yaml");
  const auto data = open_data(config);
  Transformer model(config.model, data->vocabulary(), 1);
  const auto optimizer = config.train.optimizer.make();
  optimizer->build(model.parameters(), 0);
  CheckpointInfo info{0, to_yaml(config)};
  info.data = DataRecord{{}, words}.to_json();
  save_checkpoint(run / "checkpoints", info, model.parameters(), optimizer.get());
}

}  // namespace waiver
