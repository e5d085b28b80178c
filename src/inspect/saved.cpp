#include "inspect/saved.h"

#include <fmt/format.h>

#include "core/error.h"
#include "data/wrapped/given.h"
#include "run/identity.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

/// A checkpoint folder, or the newest of a run, and its metadata.
struct Found {
  fs::path checkpoint;
  CheckpointInfo info;
};

Found find_checkpoint(const fs::path& path) {
  if (!fs::exists(path)) throw UsageError(path.string(), "there is no such run or checkpoint");
  if (fs::exists(path / "model.safetensors")) return {path, read_checkpoint_info(path)};
  const auto saved = list_checkpoints(path / "checkpoints");
  if (saved.empty())
    throw UsageError(path.string(), "neither a checkpoint nor a run with a checkpoint",
                     "Give RUN, or RUN/checkpoints/step-….");
  Found found{saved.back(), read_checkpoint_info(saved.back())};
  if (fs::exists(path / IdentityFile::kName) && !found.info.identity.empty() &&
      found.info.identity != IdentityFile::read(path).identity)
    throw UsageError(found.checkpoint.string(),
                     "this checkpoint belongs to another run than the folder it is in",
                     "Move it away, or give its own path to inspect it anyway.");
  return found;
}

std::string name_of_config(const Found& found) {
  return "the config in " + (found.checkpoint / "model.safetensors").string();
}

// The data of a checkpoint: what it learned from, unless the overrides name other data, which is
// then encoded in the tokens that the model knows. What ids stand for may be told anew.
std::unique_ptr<Dataset> open_own(const Found& found, const Config& trained, const Config& config,
                                  const std::vector<std::string>& overrides) {
  if (found.info.data.empty()) return open_data(config);
  const std::string where = found.checkpoint.string();
  const DataRecord before = DataRecord::parse(found.info.data, where);
  const bool same_kind = trained.data.name() == config.data.name();
  const bool anew = before.files.empty() || names_anew(overrides, before);
  auto data = open_data(config, anew && same_kind ? before.words : std::vector<std::string>());
  const DataRecord now = DataRecord::of(*data);
  check_same_data(before, now, overrides, where);
  if (!same_kind || !names_anew(overrides, "data.strings")) check_same_words(before, now, where);
  return data;
}

// What is added to the embeddings exists only for the positions of the trained context.
void check_context(const ModelConfig& trained, const ModelConfig& now) {
  for (int64_t l = 0; l < now.layers && now.context > trained.context; ++l)
    if (const Kind<PositionEncoding>& encoding = now.position.of_layer(l);
        adds_vectors(encoding->acts()))
      throw UsageError(
          "model.context",
          fmt::format("{} is more than the {} positions that the model was trained with, and {} "
                      "adds a vector only for those",
                      now.context, trained.context, encoding.name()),
          "Longer texts need an encoding of queries and keys, such as rope, or none.");
}

// The config of a checkpoint. No step is made: train.batch has been derived from train.tokens
// already, and a context need not divide it.
Config changed(const Found& found, std::vector<std::string> overrides) {
  overrides.insert(overrides.begin(), "train.tokens=0");
  return parse_config(found.info.config, name_of_config(found), overrides);
}

// Puts the chosen sequences in place of the data's, if the model takes them.
void put_in_place(SavedModel& saved, const Found& found, const Config& trained,
                  std::vector<std::string> overrides, const Reading& reading, ChosenTokens chosen) {
  const int64_t count = chosen.tokens.sequences(), T = chosen.tokens.length;
  for (const char* key : {"model.context=", "probe.batch=", "probe.context="})
    for (const std::string& override : overrides)
      if (override.starts_with(key))
        throw UsageError(override, chosen.from + " says how many tokens there are", "Omit it.");
  overrides.push_back(fmt::format("model.context={}", T));
  overrides.push_back(fmt::format("probe.batch={}", count));
  overrides.push_back("probe.context=0");
  overrides.push_back("probe.mechanism=[]");  // which may need longer sequences
  try {
    saved.config = changed(found, overrides);
    check_context(trained.model, saved.config.model);
    // What a task draws at a place may depend on where its sequences end.
    if (saved.data->is_task()) saved.data = open_own(found, trained, saved.config, overrides);
    saved.data = given_sequences(std::move(saved.data), std::move(chosen.tokens),
                                 saved.config.model.attention.mask->prefix());
    require_memory(saved, reading);
  } catch (const UsageError& problem) {
    throw UsageError(chosen.from,
                     fmt::format("this model does not take {} of {} tokens: {}",
                                 count == 1 ? "a sequence" : fmt::format("{} sequences", count), T,
                                 problem.what()));
  }
}

}  // namespace

SavedWeights load_weights(const std::string& path) {
  const Found found = find_checkpoint(path);
  SavedWeights out{found.checkpoint, found.info.step,
                   parse_config(found.info.config, name_of_config(found)).model, nullptr};
  if (out.config.takes_features())
    throw UsageError(found.checkpoint.string(), "its model takes features and has no vocabulary");
  out.model = std::make_unique<Transformer>(out.config, found.info.vocabulary, 0);
  load_checkpoint(found.checkpoint, out.model->parameters(), nullptr);
  return out;
}

SavedModel open_saved(const std::string& path, const std::vector<std::string>& overrides,
                      const Reading& reading, const ChooseTokens& choose) {
  SavedModel saved;
  const Found found = find_checkpoint(path);
  saved.checkpoint = found.checkpoint;
  saved.step = found.info.step;
  saved.config = changed(found, overrides);
  const Config trained = parse_config(found.info.config, name_of_config(found));
  check_context(trained.model, saved.config.model);
  saved.data = open_own(found, trained, saved.config, overrides);
  if (choose) {
    put_in_place(saved, found, trained, overrides, reading, choose(saved.config, *saved.data));
  } else {
    if (reading.needs_data()) require_validation(*saved.data);
    // Whatever is looked at has as many tokens as in the run's own probes.
    if (reading.needs_data() && !reading.validates) {
      saved.config.model.context = saved.config.probe_tokens();
      saved.config.probe.context = 0;
    }
    require_memory(saved, reading);
  }
  return saved;
}

void require_memory(SavedModel& saved, Reading reading) {
  reading.checkpoint = checkpoint_memory(saved.checkpoint);
  saved.memory = require_memory(saved.config, *saved.data, reading);
}

void load_model(SavedModel& saved) {
  saved.model = std::make_unique<Transformer>(saved.config.model, saved.data->vocabulary(),
                                              static_cast<uint64_t>(saved.config.seed.init));
  load_checkpoint(saved.checkpoint, saved.model->parameters(), nullptr);
}

SavedModel load_saved(const std::string& path, const std::vector<std::string>& overrides,
                      const Reading& reading) {
  SavedModel saved = open_saved(path, overrides, reading);
  load_model(saved);
  return saved;
}

}  // namespace waiver
