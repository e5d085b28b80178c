#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inspect/given.h"
#include "probe/probe_batch.h"

namespace waiver {

/// What a trained model is probed on, and what for.
struct ProbeRequest {
  ProbeTokens tokens;          // of the data's probe batch
  std::optional<Given> given;  // instead of it
  bool mechanism = false;
  std::filesystem::path out;  // a log of every series; empty: none
  bool json = false;          // instead of tables
};

/// Tells how much memory it takes, probes the model of a run or a checkpoint, writes the log where
/// one is wanted, and returns what people read, fitted to `width` as by Table's to_text, or
/// {checkpoint, step, of, …} as probe_json, and `mechanism` as its to_json. Throws as
/// open_saved, open_given and the mechanism tests do.
std::string probe_run(const std::string& path, const std::vector<std::string>& overrides,
                      const ProbeRequest& request, int64_t width = 0);

}  // namespace waiver
