#include "config/config.h"

#include <fmt/format.h>

#include "config/frozen.h"
#include "config/keys.h"
#include "config/overlay.h"
#include "config/reader.h"
#include "config/suggest.h"
#include "config/writer.h"
#include "core/memory.h"
#include "core/tensor.h"
#include "data/wrapped/padded.h"
#include "data/wrapped/shortened.h"
#include "probe/mechanism/mechanism.h"
#include "probe/probe_batch.h"
#include "train/trainer.h"

namespace waiver {

void SeedConfig::visit(FieldVisitor& v) {
  v.field({"init", "seed of the initial weights", at_least(0)}, init);
  v.field({"data", "seed of the batches", at_least(0)}, data);
}

void Config::visit(FieldVisitor& v) {
  v.field({"model", "The transformer"}, model);
  v.field({"data", "what the model learns from"}, data);
  v.field({"train", "How the weights are trained"}, train);
  v.field({"probe", "What is watched in training, on a fixed batch"}, probe);
  v.field({"seed", "Where random numbers come from"}, seed);
}

namespace {

// Checks that involve several keys.
bool is_given(const Node& map, const char* block, const char* key) {
  const Node::Entry* entry = map.find(block);
  return entry && entry->value.find(key);
}

void derive(Config& config, const Node& map) {
  const int64_t tokens = config.train.tokens, T = config.model.context;
  if (tokens > 0 && tokens % T == 0) config.train.batch = tokens / T;
  if (is_given(map, "probe", "snapshots")) return;
  const double weights = 2.0 * static_cast<double>(config.model.layers * config.model.heads) *
                         static_cast<double>(T) * static_cast<double>(T);
  if (config.probe.every == 0 || weights > ProbeConfig::kMostDefaultWeights)
    config.probe.snapshots.clear();
}

// Whether model, data and objective agree on tokens or real-valued features.
void check_features(const Config& config, std::vector<ModelConfig::Misfit>& out) {
  const int64_t features = config.data->features();
  const std::string &data = config.data.name(), &objective = config.train.objective.name();
  const std::string gives =
      fmt::format("data.kind {} gives {}", data, features > 0 ? "real-valued features" : "tokens");
  if (config.model.takes_features() != (features > 0))
    out.push_back({"model.input",
                   fmt::format("the model takes {}, but {}", word(config.model.input), gives),
                   fmt::format("Write input: {}.", features > 0 ? "features" : "tokens")});
  else if (features > 0 && config.model.width != features)
    out.push_back({"model.width",
                   fmt::format("{} is not data.features ({})", config.model.width, features),
                   "Features are as wide as the residual stream, since nothing embeds them."});
  else if (const int64_t dedicated = config.data->dedicated();
           features > 0 && config.model.dedicated.count != dedicated)
    out.push_back(
        {"model.dedicated.count",
         fmt::format("{} is not the number of dedicated tokens of data.kind {} ({})",
                     config.model.dedicated.count, data, dedicated),
         fmt::format("Write dedicated: {{count: {}}}, or change data.dedicated.", dedicated)});
  if (config.train.objective->predicts_tokens() != (features == 0))
    out.push_back(
        {"train.objective",
         fmt::format("{} is for {}, but {}", objective,
                     features > 0 ? "tokens" : "real-valued answers", gives),
         fmt::format("Write objective: {}.", features > 0 ? "regression" : "next_token")});
  if (features > 0 && config.model.attention.mask->padding() >= 0)
    out.push_back(
        {"model.attention.mask.padding", gives + ", which have no padding", "Write padding: -1."});
}

// Whether the mask leaves something to predict, and the objective leaves the mask something to do.
void check_mask(const Config& config, std::vector<ModelConfig::Misfit>& out) {
  const Mask& mask = *config.model.attention.mask;
  const Objective& objective = *config.train.objective;
  bool attends = false;
  for (int64_t l = 0; l < config.model.layers; ++l) attends |= config.model.has_attention(l);
  const bool predicts = objective.predicts_tokens() && config.model.gives_logits();
  if (attends && mask.sees_future() && predicts && !objective.hides_tokens())
    out.push_back({"model.attention.mask", "every query sees the next token, which it must predict",
                   "Write train.objective: masked_token."});
  if (mask.prefix() > 0 && !mask.prefix_shows_more() && !objective.predicts_tokens())
    out.push_back({"model.attention.mask.prefix",
                   "every query sees every token anyway, so this would change nothing", ""});
}

// What no single key can tell.
std::vector<ModelConfig::Misfit> misfits(const Config& config) {
  std::vector<ModelConfig::Misfit> out = config.model.misfits();
  const TrainConfig& train = config.train;
  check_features(config, out);
  check_mask(config, out);
  if (out.empty()) out = freeze_misfits(config.model, train.freeze);
  if (train.tokens % config.model.context != 0)
    out.push_back({"train.tokens",
                   fmt::format("{} is not a multiple of model.context ({})", train.tokens,
                               config.model.context),
                   "A step has whole sequences."});
  if (const std::string reason = train.objective->refuse(); !reason.empty())
    out.push_back({"train.objective", reason, ""});
  if (train.batch % train.accumulate != 0)
    out.push_back(
        {"train.accumulate",
         fmt::format("{} does not divide train.batch ({})", train.accumulate, train.batch),
         "Every part of a batch has batch / accumulate sequences."});
  if (const std::string reason = train.optimizer->refuse(); !reason.empty())
    out.push_back({"train.optimizer", reason, ""});
  if (config.probe_tokens() < 2 || config.probe_tokens() > config.model.context)
    out.push_back({"probe.context",
                   fmt::format("{} is not between 2 and model.context ({})", config.probe.context,
                               config.model.context),
                   "A probe looks at the first tokens of a sequence; 0: at all."});
  if (config.probe.every == 0 && !config.probe.snapshots.empty())
    out.push_back({"probe.snapshots", "there are none without probes (probe.every is 0)",
                   "Write snapshots: []."});
  if (config.probe.every == 0 && !config.probe.mechanism.empty())
    out.push_back({"probe.mechanism", "it is not asked without probes (probe.every is 0)",
                   "Write mechanism: []."});
  if (!config.probe.mechanism.empty())
    if (const std::string reason = refuse_mechanism(config.model, config.probe_tokens());
        !reason.empty())
      out.push_back({"probe.mechanism", reason, "Write mechanism: []."});
  return out;
}

// The first sequence stands for all, since which places are predicted does not depend on the
// tokens; where there is padding, a few do.
void check_targets(const Dataset& data, int64_t context, int64_t prefix) {
  if (Shape{context, 2 + 2 * data.features(), sizeof(float)}.size() > memory_limit())
    throw UsageError("model.context", "a single sequence does not fit into this machine's memory");
  if (!data.has(Split::train) && !data.has(Split::validation)) return;
  Batch first;
  first.resize(data.padding() < 0 ? 1 : 16, context);
  data.batch(0, data.has(Split::train) ? Split::train : Split::validation, 0, first);
  if (count_targets(first.targets) == 0)
    throw UsageError(prefix > 0 ? "model.attention.mask.prefix" : "data",
                     "nothing is left to predict in a sequence",
                     fmt::format("Of {} tokens, the prefix ({}) is given, and tokens that are the "
                                 "same in every sequence are not predicted.",
                                 context, prefix));
}

// Whether the shorter sequences of probes have something to predict. Which tokens are masked
// differs from one to the next, so all of them are looked at.
void check_short_probe(const Config& config, const Dataset& data) {
  if (!data.has(Split::validation)) return;
  Batch all;
  all.resize(config.probe.batch, config.probe_tokens());
  data.batch(static_cast<uint64_t>(config.seed.data), Split::probe, 0, all);
  if (count_targets(all.targets) == 0)
    throw UsageError(
        "probe.context",
        fmt::format("nothing is predicted in the first {} tokens of the probe's sequences",
                    config.probe.context),
        "Raise it; 0: all of them.");
}

// Whether padding leaves enough of the probe batch.
void check_probe(const Config& config, const Dataset& data) {
  if (data.padding() < 0) return;
  const int64_t T = config.probe_tokens();
  const Batch batch =
      probe_batch(data, static_cast<uint64_t>(config.seed.data), config.probe.batch, T);
  const std::vector<int32_t>& tokens = batch.whole.empty() ? batch.inputs : batch.whole;
  for (int64_t b = 0; b < batch.batch && !config.probe.mechanism.empty(); ++b)
    if (const int64_t length = data.length(&tokens[b * T], T); length < 2) refuse_shortest(length);
}

// Throws UsageError where the model names a token that the data lacks.
void check_tokens(const Config& config, const Dataset& data) {
  const Mask& mask = *config.model.attention.mask;
  const struct {
    const char* key;
    int64_t token;
    const char* without;
  } named[] = {{"model.attention.mask.separator", mask.separator(), "one document"},
               {"model.attention.mask.padding", mask.padding(), "no padding"},
               {"model.token_types.separator", config.model.token_types.separator, "one segment"}};
  for (const auto& [key, token, without] : named)
    if (token >= data.vocabulary())
      throw UsageError(key, fmt::format("{} is not a token id of this data", token),
                       fmt::format("Ids go up to {}; -1: {}.", data.vocabulary() - 1, without));
}

// Steps of a list that the run never reaches.
std::vector<std::string> beyond(const std::vector<int64_t>& steps, int64_t last) {
  std::vector<std::string> out;
  for (const int64_t step : steps)
    if (step > last) out.push_back(std::to_string(step));
  return out;
}

// What a shorter trial of a longer run misses.
void note_what_is_cut(const Config& config, std::vector<std::string>& out) {
  const TrainConfig& train = config.train;
  const int64_t warmup = train.schedule.warmup, every = train.checkpoint.every;
  if (warmup > train.steps)
    out.push_back(fmt::format(
        "Note: the run ends at step {}, within the warm-up of {} steps: the learning rate rises as "
        "in a longer run and ends at {:.3g} of lr.",
        train.steps, warmup,
        schedule_factor(train.schedule, std::max<int64_t>(train.steps - 1, 0), train.steps)));
  const ProbeConfig plain;
  if (const auto late = beyond(config.probe.snapshots, train.steps);
      !late.empty() && config.probe.snapshots != plain.snapshots)
    out.push_back(fmt::format("Note: no snapshot is taken at step{} {}: the run ends at step {}.",
                              late.size() == 1 ? "" : "s", join_or(late, "and"), train.steps));
  if (const auto late = beyond(config.probe.mechanism, train.steps); !late.empty())
    out.push_back(
        fmt::format("Note: the mechanism is not asked for at step{} {}: the run ends at "
                    "step {}.",
                    late.size() == 1 ? "" : "s", join_or(late, "and"), train.steps));
  if (const auto late = beyond(train.checkpoint.at, train.steps); !late.empty())
    out.push_back(fmt::format("Note: no checkpoint is saved at step{} {}: the run ends at step {}.",
                              late.size() == 1 ? "" : "s", join_or(late, "and"), train.steps));
  if (const auto late = beyond(config.probe.first, train.steps);
      !late.empty() && config.probe.first != plain.first)
    out.push_back(fmt::format("Note: no probe is made at step{} {}: the run ends at step {}.",
                              late.size() == 1 ? "" : "s", join_or(late, "and"), train.steps));
  if (every > train.steps && every != CheckpointConfig{}.every)
    out.push_back(fmt::format(
        "Note: the run ends at step {}, before its first checkpoint at {}; the last step is saved.",
        train.steps, every));
}

Config finish(Node map, std::span<const std::string> overrides, Complaints& complaints) {
  merge(map, read_overrides(overrides, config_keys()), config_keys(), true);
  Config config = read_config(map, complaints);
  complaints.throw_if_any();
  return config;
}

}  // namespace

const std::vector<KeyInfo>& config_keys() {
  static const std::vector<KeyInfo> keys = collect_keys([](FieldVisitor& v) { Config{}.visit(v); });
  return keys;
}

Config read_config(const Node& map, Complaints& complaints) {
  Config config;
  Complaints own;
  read_fields(
      map, [&](FieldVisitor& v) { config.visit(v); }, config_keys(), own);
  derive(config, map);
  config.source = std::make_shared<const Node>(map);
  if (own.empty())
    for (const auto& [key, what, hint] : misfits(config))
      own.add(place_of(map, key), key, what, hint);
  complaints.add(own);
  return config;
}

std::unique_ptr<Dataset> open_data(const Config& config, std::vector<std::string> words) try {
  auto data = config.data.make();
  data->use_words(std::move(words));
  data->open(config.model.context);
  const Mask& mask = *config.model.attention.mask;
  check_tokens(config, *data);
  if (mask.padding() >= 0)
    data = with_padding(std::move(data), static_cast<int32_t>(mask.padding()));
  data = config.train.objective->apply(std::move(data), mask.prefix());
  check_targets(*data, config.model.context, mask.prefix());
  if (config.probe.context > 0) {
    data = with_short_probes(std::move(data), config.model.context);
    check_short_probe(config, *data);
  }
  return data;
} catch (const UsageError& problem) {
  throw_placed(config, problem);
}

std::unique_ptr<Dataset> open_training_data(const Config& config) try {
  if (config.model.output.kind == OutputKind::hidden)
    throw UsageError("model.output.kind", "without an output layer there is no loss",
                     "Write kind: logits for training.");
  auto data = open_data(config);
  for (const Split split : {Split::train, Split::validation})
    if (!data->has(split)) {
      const std::string key = fmt::format("data.{}", split_name(split));
      throw UsageError(key, "it must be given for training",
                       fmt::format("Name a file of tokens: {}=FILE.", key));
    }
  check_probe(config, *data);
  return data;
} catch (const UsageError& problem) {
  throw_placed(config, problem);
}

void require_validation(const Dataset& data) {
  if (!data.has(Split::validation))
    throw UsageError("data.validation", "this run has no data of its own",
                     "Name some: data.kind=tokens data.validation=FILE.");
}

void throw_placed(const Config& config, const UsageError& problem) {
  const std::vector<KeyInfo>& keys = config_keys();
  if (!config.source || std::ranges::find(keys, problem.where(), &KeyInfo::name) == keys.end())
    throw problem;
  Complaints placed;
  placed.add(place_of(*config.source, problem.where()), problem.where(), problem.problem());
  placed.throw_if_any();
  throw problem;
}

std::vector<std::string> notes_on(const Config& config) {
  std::vector<std::string> out;
  if (config.train.objective->hides_tokens() && !config.model.attention.mask->sees_future())
    out.push_back(
        "Note: with this mask, masked tokens are predicted only from the tokens before them.");
  note_what_is_cut(config, out);
  return out;
}

std::string to_yaml(const Config& config) {
  Config copy = config;
  return emit_yaml(write_fields([&](FieldVisitor& v) { copy.visit(v); }));
}

Config load_config(const std::string& path, std::span<const std::string> overrides) {
  return parse_config(read_text(path), path, overrides);
}

Config parse_config(const std::string& text, const std::string& name,
                    std::span<const std::string> overrides) {
  Complaints complaints;
  Node map = read_layers_from(text, name, config_keys(), complaints);
  Config config = finish(std::move(map), overrides, complaints);
  config.original = text;
  return config;
}

}  // namespace waiver
