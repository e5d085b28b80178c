#include "inspect/published/import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/strict_json.h"
#include "core/stop.h"
#include "inspect/published/family.h"
#include "inspect/published/tensors.h"
#include "run/directory.h"
#include "train/checkpoint.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLongestJson = int64_t{100} << 20;

HubConfig config_in(const HubFolder& folder) {
  return {(folder.path() / "config.json").string(), folder.config()};
}

const Family& family_of(const HubConfig& config) {
  const std::string name = config.word("model_type");
  const auto at = std::ranges::find(families(), name, &Family::name);
  if (at != families().end()) return *at;
  std::vector<std::string_view> known;
  for (const Family& family : families()) known.push_back(family.name);
  config.refuse("model_type", fmt::format("'{}' is not a family that Waiver reads", name),
                fmt::format("It reads {}.", fmt::join(known, ", ")));
}

void refuse_quantized(const HubConfig& config) {
  if (config.has("quantization_config"))
    config.refuse("quantization_config", "the weights are quantized",
                  "Waiver reads float32, float16 and bfloat16.");
}

Json read_json(const std::string& file) {
  constexpr size_t deepest = 50;
  return parse_strict_json(file, read_file(file, kLongestJson), deepest);
}

// The id of [MASK] or <mask> among the tokens that tokenizer.json adds; −1: there is none.
int64_t mask_token_of(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json";
  if (!fs::exists(file)) return -1;
  const Json tokenizer = read_json(file.string());
  if (!tokenizer.is_object() || !tokenizer.contains("added_tokens")) return -1;
  const Json& added = tokenizer.at("added_tokens");
  if (!added.is_array()) return -1;
  for (const Json& token : added) {
    if (!token.is_object() || !token.contains("content") || !token.contains("id")) continue;
    const Json &content = token.at("content"), &id = token.at("id");
    if ((content == "[MASK]" || content == "<mask>") && id.is_number_unsigned())
      return id.get<int64_t>();
  }
  return -1;
}

Json objective_of(const HubFolder& folder, const ImportOptions& options, int64_t vocabulary) {
  const int64_t token = options.mask_token >= 0 ? options.mask_token : mask_token_of(folder.path());
  if (token < 0)
    throw UsageError(folder.path().string(),
                     "this model predicts masked tokens, but nothing names its mask token",
                     "Give --mask-token ID: 103 in BERT's own vocabularies, 50264 in RoBERTa's.");
  if (token >= vocabulary)
    throw UsageError("--mask-token",
                     fmt::format("{} is not one of the model's {} token ids", token, vocabulary));
  return {{"kind", "masked_token"}, {"token", token}};
}

// All of it, so that one pass finds whatever is wrong.
Config config_of(const HubConfig& published, const Json& model, const Json& objective,
                 int64_t vocabulary) {
  Json config = {{"model", model}, {"data", {{"kind", "tokens"}, {"vocabulary", vocabulary}}}};
  if (!objective.is_null()) config["train"] = {{"objective", objective}};
  Config out = parse_config(json_text(config), published.where() + ", as a config of Waiver");
  out.original.clear();
  return out;
}

// The strings that a file gives the tokens, as data with such a file has them.
std::vector<std::string> strings_of(const Config& config, const std::string& file) {
  if (file.empty()) return {};
  const std::vector<std::string> setting = {"data.strings=" + json_text(Json(file))};
  return open_data(parse_config(to_yaml(config), "the imported config", setting))->words();
}

}  // namespace

ImportedModel open_published(const HubFolder& folder, const ImportOptions& options) {
  const HubConfig config = config_in(folder);
  const Family& family = family_of(config);
  refuse_quantized(config);
  FamilyTensors tensors(folder, family);
  const TensorNames names = tensors.names();
  const Json model = family.read({config, names});
  const int64_t vocabulary = config.count("vocab_size");
  const bool predicts = model.at("output").value("kind", "logits") == "logits";
  if (options.mask_token >= 0 && !(family.masked_token && predicts))
    throw UsageError("--mask-token", "this model predicts no masked tokens", "Leave it out.");
  const Json objective =
      family.masked_token && predicts ? objective_of(folder, options, vocabulary) : Json();
  ImportedModel out{std::string(family.name), config_of(config, model, objective, vocabulary), {}};
  out.data.words = strings_of(out.config, options.strings);
  if (!out.config.model.output.tied) tensors.untie();
  tensors.check(family.links(out.config.model, vocabulary));
  out.memory = require_import(out.config, vocabulary);
  return out;
}

void load_published(ImportedModel& imported, const HubFolder& folder) {
  const HubConfig config = config_in(folder);
  const Family& family = family_of(config);
  const int64_t vocabulary = config.count("vocab_size");
  const ModelConfig& model = imported.config.model;
  FamilyTensors tensors(folder, family);
  if (!model.output.tied) tensors.untie();
  imported.model = std::make_unique<Transformer>(model, vocabulary, 0);
  tensors.read(family.links(model, vocabulary), imported.model->parameters());
}

ImportedModel import_published(const HubFolder& folder, const ImportOptions& options) {
  ImportedModel out = open_published(folder, options);
  load_published(out, folder);
  return out;
}

void check_place(const ImportedModel& imported, const std::string& directory, int64_t step) {
  if (!is_run(directory)) return;
  for (const fs::path& saved : list_checkpoints(fs::path(directory) / "checkpoints"))
    if (checkpoint_step(saved) == step)
      throw UsageError(saved.string(), "this step is already there",
                       "Give another --step, or another place with --out.");
  check_same_words(IdentityFile::read(directory).data, imported.data, directory);
}

fs::path save_imported(const ImportedModel& imported, const std::string& directory, int64_t step) {
  check_place(imported, directory, step);
  check_stop();
  const Uninterrupted whole;
  RunPlan plan;
  plan.directory = directory;
  plan.resume = is_run(directory);
  RunDirectory run(plan, imported.config, imported.data);
  run.begin(imported.config, step);
  try {
    const fs::path saved =
        save_checkpoint(run.path("checkpoints"),
                        {step, to_yaml(imported.config), run.identity(), imported.data.to_json()},
                        imported.model->parameters(), nullptr);
    run.set_status("done");
    return run.readable(saved.string());
  } catch (const Error& problem) {
    const std::string what = run.readable(problem.what());
    try {
      run.set_status("failed: " + what);
    } catch (const Error&) {  // the first failure matters more
    }
    throw Error(run.readable(problem.where()), run.readable(problem.problem()), "", problem.kind());
  }
}

}  // namespace waiver
