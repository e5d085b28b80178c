#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/output.h"
#include "inspect/intervene.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

struct InterveneCall {
  std::string run, spec;
  std::vector<std::string> overrides;
  std::string out;
  bool overwrite = false;
};

// By default the run's folder `interventions`, which is created when needed.
fs::path output_place(const InterveneCall& options) {
  const std::string name = fs::path(options.spec).stem().string() + ".h5";
  const fs::path folder = fs::path(options.run) / "interventions";
  const fs::path path = options.out.empty() ? folder / name : fs::path(options.out);
  if (!options.out.empty() || fs::exists(folder)) check_output(path, options.overwrite);
  return path;
}

// A run is a folder, and a spec a file.
void check_order(const InterveneCall& options) {
  std::error_code ignored;
  if (fs::is_regular_file(options.run, ignored) && fs::is_directory(options.spec, ignored))
    throw UsageError(options.run, "the run comes first, then the spec",
                     fmt::format("Write waiver intervene {} {}.", options.spec, options.run));
  require_run(options.run, "intervene");
}

void intervene(const InterveneCall& options) {
  check_order(options);
  std::vector<std::string> of_config, of_spec;
  for (const std::string& o : options.overrides)
    (o.starts_with("positions.") ? of_spec : of_config).push_back(o);
  SavedModel saved = open_saved(options.run, of_config, {.measures = true});
  require_file(options.spec);
  const InterventionSpec spec =
      load_intervention(options.spec, of_spec, saved.config.model, saved.data->vocabulary());
  const fs::path path = output_place(options);
  require_memory(saved, reading_for(spec));
  tell(saved.memory);
  load_model(saved);
  const Effects effects = measure_effects(saved, spec);
  print_result(effects_table(saved, spec, effects, terminal_width()));
  if (options.out.empty()) make_folder(path.parent_path());
  write_effects(path, saved, spec, effects);
  print_result("\nEvery series of every arm, layer, head and key: {}\n", path.string());
}

}  // namespace

void add_intervene(Verb& program) {
  Verb verb =
      program.add("intervene", "Edit a trained model's pass at named points, and show the effects");
  auto options = std::make_shared<InterveneCall>();
  verb.add("run", options->run, "a run directory or a checkpoint folder").required();
  verb.add("spec", options->spec, "a spec of interventions (YAML)").required();
  verb.add("overrides", options->overrides,
           "positions.NAME=N for the spec; any other key is the model's config's")
      .type("key.path=value");
  verb.add("--out", options->out,
           "the HDF5 file; default: interventions/SPEC.h5 in the run or checkpoint");
  verb.add("--overwrite", options->overwrite, "replace that file, if this program wrote it");
  verb.prints("--docs", intervention_docs, "print every key, edit and point of a spec");
  add_threads(verb);
  verb.runs([options] { intervene(*options); });
}

}  // namespace waiver
