#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inspect/given.h"
#include "probe/probe_batch.h"

namespace waiver {

/// The head whose attention is shown.
struct MapOf {
  int64_t layer = 0, head = 0;
};

/// What a trained model is probed on, and what for.
struct ProbeRequest {
  ProbeTokens tokens;          // of the data's probe batch
  std::optional<Given> given;  // instead of it
  bool mechanism = false;
  std::filesystem::path out;      // a log of every series; empty: none
  std::filesystem::path capture;  // every point of the pass (capture_file.h); empty: none
  bool maps = false;              // the attention of one head on the first sequence as text
  std::optional<MapOf> head;      // of which; none: the one with the strongest waiver
  bool json = false;              // one object instead of tables and maps
};

/// Tells how much memory it takes, probes the model of a run or a checkpoint, writes the files that
/// are wanted, and returns what people read, fitted to `width` as by Table's to_text, or
/// {checkpoint, step, of, …} as probe_json, and `mechanism` as its to_json. Throws as open_saved,
/// open_given and the mechanism tests do, and UsageError where there is no such head.
std::string probe_run(const std::string& path, const std::vector<std::string>& overrides,
                      const ProbeRequest& request, int64_t width = 0);

}  // namespace waiver
