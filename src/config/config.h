#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/keys.h"
#include "core/error.h"
#include "data/dataset.h"
#include "model/config.h"
#include "probe/config.h"
#include "train/config.h"

namespace waiver {

class Complaints;
struct Node;

struct SeedConfig {
  int64_t init = 0;
  int64_t data = 0;

  void visit(FieldVisitor& v);
};

/// One training run.
struct Config {
  ModelConfig model;
  Kind<Dataset> data{"bigram_backcopy"};
  TrainConfig train;
  ProbeConfig probe;
  SeedConfig seed;
  std::shared_ptr<const Node> source;  // what it was read from, with places; null if nothing
  std::string original;                // the text of its own file, without bases and overrides

  /// The tokens of a probe sequence.
  int64_t probe_tokens() const { return probe.tokens(model.context); }
  void visit(FieldVisitor& v);
};

/// The keys of a run's config.
const std::vector<KeyInfo>& config_keys();

/// The defaults, overlaid with the file that `base:` names, the file itself, and the overrides
/// (`model.position.kind=rope`, the value being YAML). Throws one UsageError that lists everything
/// wrong, a line each: `file:line:column: dotted.key: what was found and what is allowed`. The
/// caller checks whether the data can be opened.
Config load_config(const std::string& path, std::span<const std::string> overrides = {});
/// The same for a text; `name` takes the place of its path.
Config parse_config(const std::string& text, const std::string& name,
                    std::span<const std::string> overrides = {});
/// The same for a map that has already been read and merged.
Config read_config(const Node& map, Complaints& complaints);

/// The data of a run, open and with its objective applied; throws UsageError, with the place of the
/// key concerned, if any, if it cannot be opened, if the model names a token that it lacks, and if
/// nothing is left to predict. It may have no sequences of a split (Dataset::has). `words`: the
/// strings of the model's tokens, instead of those found in the data.
std::unique_ptr<Dataset> open_data(const Config& config, std::vector<std::string> words = {});
/// The same for a run that is to be trained; throws UsageError, too, if there is nothing to train
/// on or to validate on, or the model gives no loss.
std::unique_ptr<Dataset> open_training_data(const Config& config);
/// Throws UsageError if a saved model's data has nothing to validate on, and hence to probe.
void require_validation(const Dataset& data);

/// Rethrows a problem with the place of the key that it concerns, if any.
[[noreturn]] void throw_placed(const Config& config, const UsageError& problem);

/// What is allowed but probably not intended: a sentence each.
std::vector<std::string> notes_on(const Config& config);

/// The whole config as YAML that `parse_config` reads back as the same config.
std::string to_yaml(const Config& config);

}  // namespace waiver
