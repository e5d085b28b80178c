#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "core/text/table.h"
#include "inspect/published/export.h"
#include "inspect/published/import.h"
#include "inspect/saved.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

struct ImportCall {
  std::string folder, out;
  int64_t step = 0;
  std::optional<int64_t> mask_token;
  ImportOptions options;
};

// The name of a folder, however it is written: `.`, `models/x/`.
std::string name_of(const std::string& folder) {
  std::error_code ignored;
  fs::path path = fs::weakly_canonical(folder, ignored);
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

// `llama: 30 layers, 9 heads over 3 of keys and values, …`.
std::string described(const ImportedModel& imported) {
  const ModelConfig& m = imported.config.model;
  const std::string heads =
      m.key_heads() == m.heads
          ? fmt::format("{} heads", m.heads)
          : fmt::format("{} heads over {} of keys and values", m.heads, m.key_heads());
  const std::string strings = imported.data.words.empty()
                                  ? ""
                                  : fmt::format(", {} with strings", imported.data.words.size());
  return fmt::format("{}: {} layers, {}, width {}, context {}, vocabulary {}{}, {} parameters",
                     imported.family, m.layers, heads, m.width, m.context,
                     imported.model->vocabulary(), strings, imported.model->parameters().count());
}

void import(const ImportCall& call) {
  const HubFolder folder = HubFolder::open(call.folder);
  ImportOptions options = call.options;
  if (call.mask_token) options.mask_token = *call.mask_token;
  const std::string out =
      call.out.empty() ? (fs::path("runs") / name_of(call.folder)).string() : call.out;
  ImportedModel imported = open_published(folder, options);
  check_place(imported, out, call.step);
  tell(imported.memory);
  load_published(imported, folder);
  const fs::path checkpoint = save_imported(imported, out, call.step);
  print_result("{}\n{}\n", described(imported), checkpoint.string());
  print_result(
      "It has no data of its own. Make some with scripts/make_tokens.py, then, for "
      "example:\n  waiver {} {} model.context={} data.validation=FILE.npy\n",
      imported.config.model.gives_logits() ? "eval" : "probe", out,
      std::min<int64_t>(128, imported.config.model.context));
}

struct ExportCall {
  std::string run, out, family;
};

void export_run(const ExportCall& call) {
  require_run(call.run, "export");
  const SavedWeights saved = load_weights(call.run);
  const std::string family = export_published(saved, call.out, call.family);
  print_result("{} (step {}) → {}, a model of the family {}\n", saved.checkpoint.string(),
               saved.step, call.out, family);
}

}  // namespace

void add_import(Verb& program) {
  Verb verb = program.add("import", "Read a published model, as the Hugging Face hub has it");
  auto call = std::make_shared<ImportCall>();
  verb.add("folder", call->folder, "a folder with config.json and *.safetensors").required();
  verb.add("--out", call->out, "the run's folder; default: runs/ and the folder's name")
      .type("DIR");
  verb.add("--step", call->step,
           "the step of training that it is from; further ones may go into the same folder")
      .between(int64_t{0}, int64_t{1} << 40)
      .shows_default();
  verb.add("--mask-token", call->mask_token,
           "of a masked-token model: the id of the mask token; default: as tokenizer.json says")
      .between(int64_t{0}, int64_t{1} << 30)
      .type("ID");
  verb.add("--strings", call->options.strings,
           "a JSON list of token strings by id, as scripts/make_tokens.py writes it: tables and "
           "maps then show words")
      .type("FILE");
  verb.runs([call] { import(*call); });
}

void add_export(Verb& program) {
  Verb verb = program.add("export", "Write a trained model as the Hugging Face hub has it");
  auto call = std::make_shared<ExportCall>();
  verb.add("run", call->run, "a run directory or a checkpoint folder").required();
  verb.add("--out", call->out, "the folder, which must not exist yet").type("DIR").required();
  verb.add("--family", call->family, "which family's form; default: the first that fits")
      .type("NAME");
  verb.runs([call] { export_run(*call); });
}

}  // namespace waiver
