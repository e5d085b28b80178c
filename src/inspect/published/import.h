#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "config/config.h"
#include "inspect/published/hub_folder.h"
#include "model/transformer.h"
#include "run/identity.h"
#include "run/memory.h"

namespace waiver {

/// A published model as one of ours, in memory.
struct ImportedModel {
  std::string family;
  Config config;          // its data are token ids, without files
  DataRecord data;        // no files; the strings of its tokens, where they were given
  MemoryUse memory = {};  // that reading and saving it take
  std::unique_ptr<Transformer> model = nullptr;  // once it is read
};

struct ImportOptions {
  int64_t mask_token = -1;   // the id that stands for a masked token; −1: as tokenizer.json says
  std::string strings = {};  // a JSON file with the list of token strings by id; empty: none
};

/// Opens a model in a folder of the hub. Throws UsageError, naming the file and the key or tensor,
/// for a family, a setting or a rule that Waiver does not have, for tensors that are missing,
/// superfluous or of another shape, for a masked-token model whose mask token nothing names, and
/// for a model that does not fit into memory.
ImportedModel open_published(const HubFolder& folder, const ImportOptions& options);
/// Reads the weights of one that is open. Throws UsageError where a tensor cannot be used.
void load_published(ImportedModel& imported, const HubFolder& folder);
/// Both.
ImportedModel import_published(const HubFolder& folder, const ImportOptions& options);

/// Throws UsageError where the run in `directory` has that step, or other token strings.
void check_place(const ImportedModel& imported, const std::string& directory, int64_t step);
/// Saves it as the checkpoint of `step` of the run `directory`, which is created, or exists and has
/// the same config and token strings, but not that step; returns the checkpoint's folder. Throws
/// UsageError, before anything is written, where it is something else, and Stopped where a stop is
/// due by then; a later one is held off until all of it is saved.
std::filesystem::path save_imported(const ImportedModel& imported, const std::string& directory,
                                    int64_t step);

}  // namespace waiver
