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
  std::shared_ptr<const Node> source;  // what it was read from, with places; null: nothing
  std::string original;                // the text of its own file, without bases and overrides

  void visit(FieldVisitor& v);
};

/// The keys of a run's config.
const std::vector<KeyInfo>& config_keys();

/// The defaults, under the file that `base:` names, under the file, under the overrides
/// (`model.position.kind=rope`, the value being YAML). Throws one UsageError that lists everything
/// that is wrong, a line each: `file:line:column: dotted.key: what was found and what is allowed`.
/// Whether the data can be opened is the caller's to try.
Config load_config(const std::string& path, std::span<const std::string> overrides = {});
/// The same for a text; `name` stands for its path.
Config parse_config(const std::string& text, const std::string& name,
                    std::span<const std::string> overrides = {});
/// The same for a map that is read and merged already.
Config read_config(const Node& map, Complaints& complaints);

/// The data of a run, open and as its objective has it; throws UsageError, with the place of the
/// key where it is about one, if it cannot be opened, if the model names a token that it lacks, and
/// if nothing is left to predict. `words`: the tokens that a text is told in, in place of its own.
std::unique_ptr<Dataset> open_data(const Config& config, std::vector<std::string> words = {});

/// Throws what is wrong, with the place of the key that it is about, where it is about one.
[[noreturn]] void throw_placed(const Config& config, const UsageError& problem);

/// What is allowed, but likely not meant: a sentence each.
std::vector<std::string> notes_on(const Config& config);

/// The whole config as YAML that `parse_config` reads back as the same config.
std::string to_yaml(const Config& config);

}  // namespace waiver
