#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/parameters.h"
#include "train/optimizer.h"

namespace waiver {

// A checkpoint is a folder, step-00001000, with two files:
//   model.safetensors  every parameter by its plain name; metadata: format, step, config, identity,
//                      data
//   state.h5           /optimizer/<state>/<parameter name>, each with its crc32 and chunk
//                      checksums; root attributes format, step, log_digest and model_crc32, the
//                      CRC-32 of model.safetensors
// It is written under another name, flushed and renamed, so a folder of this name is complete.

struct CheckpointInfo {
  int64_t step = 0;    // updates made before it
  std::string config;  // YAML, resolved
  // Empty in checkpoints from before these existed:
  std::string identity = {};    // of the run (run/identity.h)
  std::string data = {};        // what it learned from: DataRecord as JSON
  std::string log_digest = {};  // of the log's rows before `step`
  int64_t vocabulary = 0;       // rows of embed.token.weight; 0: there is none
};

/// Writes the checkpoint of info.step into the folder `checkpoints`, creating it if necessary, and
/// returns its path. Without an optimizer there is no state to continue training from. One of the
/// same step is replaced. If it throws, every older checkpoint is unchanged.
std::filesystem::path save_checkpoint(const std::filesystem::path& checkpoints,
                                      const CheckpointInfo& info, const ParameterSet& parameters,
                                      Optimizer* optimizer);
/// The same with a state that several ranks hold the slices of, put together.
std::filesystem::path save_checkpoint(const std::filesystem::path& checkpoints,
                                      const CheckpointInfo& info, const ParameterSet& parameters,
                                      const std::vector<Optimizer::State>& state);

/// Fills the parameters and, where one is given, the optimizer's state. Throws Error for anything
/// missing, damaged, not finite, or made for another model or optimizer; nothing in memory has
/// changed then.
/// Without an optimizer, a position table may be longer than the model's, which takes its first
/// rows.
CheckpointInfo load_checkpoint(const std::filesystem::path& checkpoint, ParameterSet& parameters,
                               Optimizer* optimizer);
/// The same into the whole arrays of a state that several ranks will hold the slices of.
CheckpointInfo load_checkpoint(const std::filesystem::path& checkpoint, ParameterSet& parameters,
                               const std::vector<Optimizer::State>& state);

/// The bytes that these two take besides the parameters.
int64_t checkpoint_memory(const std::filesystem::path& checkpoint);

/// Step and config only, with the same checks of the files.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& checkpoint);

/// The checkpoints in a folder, oldest step first; none where there is no such folder. A folder
/// with such a name but without any checkpoint file does not count. Throws Error where it cannot be
/// read.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& checkpoints);

/// The step in a checkpoint folder's name; none where it is not such a name.
std::optional<int64_t> checkpoint_step(const std::filesystem::path& checkpoint);

/// Of the checkpoints up to step `newest`, removes all but the last `keep` and those of the steps
/// `kept`; a `keep` of 0 removes none. Later ones do not belong to this run's past and stay.
void prune_checkpoints(const std::filesystem::path& checkpoints, int64_t newest, int64_t keep,
                       const std::vector<int64_t>& kept = {});

/// Removes all checkpoints of a folder, whole or half written, and the folder if that leaves it
/// empty; anything else in it stays.
void remove_checkpoints(const std::filesystem::path& checkpoints);

/// Removes what a killed run left half written, and restores a checkpoint that it was about to
/// replace. Call it before `list_checkpoints` when resuming a run.
void clean_checkpoints(const std::filesystem::path& checkpoints);

}  // namespace waiver
