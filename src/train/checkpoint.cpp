#include "train/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/hdf5.h"
#include "core/files/safetensors.h"
#include "core/math.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

constexpr char kFormat[] = "waiver checkpoint 1";
constexpr char kModel[] = "model.safetensors";
constexpr char kState[] = "state.h5";
constexpr char kPrefix[] = "step-";
constexpr char kUnfinished[] = ".tmp";  // being written, or being removed
constexpr char kReplaced[] = ".old";    // about to be replaced

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

[[noreturn]] void refuse(const fs::path& file, const std::string& what) {
  throw Error(file.string(), what, "Use another checkpoint, or start without one.");
}

int64_t crc(const std::string& bytes) { return crc32_of(std::as_bytes(std::span(bytes))); }

std::span<float> part(std::span<float> flat, const ParameterSet& parameters, const Parameter& p) {
  return flat.subspan(parameters.offset(p), p.shape.size());
}

std::string state_path(const Optimizer::State& state, const Parameter& p) {
  return "/optimizer/" + state.name + "/" + p.name;
}

std::string model_bytes(const fs::path& file, const CheckpointInfo& info,
                        const ParameterSet& parameters) {
  std::vector<NamedTensor> tensors;
  for (const Parameter& p : parameters.all()) tensors.push_back({p.name, p.variable.value});
  for (const Constant& c : parameters.constants()) tensors.push_back({c.name, c.value});
  return safetensors_bytes(file, tensors,
                           {{"format", kFormat},
                            {"step", std::to_string(info.step)},
                            {"config", info.config},
                            {"identity", info.identity},
                            {"data", info.data}});
}

void write_state(const fs::path& file, const CheckpointInfo& info, int64_t model_crc,
                 const ParameterSet& parameters, const std::vector<Optimizer::State>& arrays) {
  H5File state = H5File::create(file, true);
  state.set_attribute("/", "format", std::string(kFormat));
  state.set_attribute("/", "step", info.step);
  state.set_attribute("/", "model_crc32", model_crc);
  state.set_attribute("/", "log_digest", info.log_digest);
  state.make_group("/optimizer");
  for (const Optimizer::State& array : arrays)
    for (const Parameter& p : parameters.all()) {
      const auto values = part(array.values, parameters, p);
      const H5File::Extents shape(p.shape.dims, p.shape.dims + p.shape.rank);
      state.write<float>(state_path(array, p), values, shape, {.checksum = true});
    }
  state.save();
}

/// Both files, read and found to belong together.
struct Files {
  fs::path model_path, state_path;
  Safetensors model;
  H5File state;
  CheckpointInfo info;
};

Files open_files(const fs::path& checkpoint) {
  if (!is_folder(checkpoint)) throw Error(checkpoint.string(), "there is no checkpoint here");
  const fs::path model_path = checkpoint / kModel, state_path = checkpoint / kState;
  std::string bytes = read_file(model_path);
  const int64_t model_crc = crc(bytes);
  Safetensors model = Safetensors::parse(model_path, std::move(bytes));
  H5File state = H5File::open(state_path);
  const auto& metadata = model.metadata();
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kFormat)
    refuse(model_path, "these are weights, but not a checkpoint in this program's format");
  if (state.string_attribute("/", "format") != kFormat)
    refuse(state_path, "this is not the state of a checkpoint in this program's format");
  if (state.int_attribute("/", "model_crc32") != model_crc)
    refuse(model_path, "its checksum is not the one in state.h5, so one of the two is damaged");
  const int64_t step = state.int_attribute("/", "step");
  if (!metadata.contains("config") || !metadata.contains("step") ||
      metadata.at("step") != std::to_string(step))
    refuse(model_path, "its step is not the one in state.h5, or its config is missing");
  const auto text = [&](const char* key) {
    const auto at = metadata.find(key);
    return at == metadata.end() ? std::string() : at->second;
  };
  if (checkpoint_step(checkpoint).value_or(step) != step)
    refuse(checkpoint,
           fmt::format("it holds the state of step {}, so its folder was renamed", step));
  CheckpointInfo info{step, text("config"), text("identity"), text("data")};
  if (state.has_attribute("/", "log_digest"))
    info.log_digest = state.string_attribute("/", "log_digest");
  if (const auto* table = model.find("embed.token.weight"); table && table->shape.rank == 2)
    info.vocabulary = table->shape[0];
  return {model_path, state_path, std::move(model), std::move(state), std::move(info)};
}

void check_finite(const fs::path& file, const std::string& name, std::span<const float> values) {
  if (!all_finite(values)) refuse(file, "its " + name + " holds NaN or infinity");
}

// Whether saved numbers of this shape are the parameter's, or begin with them where a position
// table may be shortened.
bool fits(const Shape& saved, const Parameter& p, bool cut) {
  Shape first_rows = saved;
  if (cut && p.by_position) first_rows.dims[0] = std::min(saved[0], p.shape[0]);
  return first_rows == p.shape;
}

/// Files written before constants were saved lack them.
void check_constant(const Files& files, const Constant& c) {
  const auto* entry = files.model.find(c.name);
  if (!entry) return;
  const std::vector<float> found = files.model.read(*entry);
  if (!(entry->shape == c.value.shape) || !std::equal(found.begin(), found.end(), c.value.data))
    refuse(files.model_path,
           fmt::format("its {} is not the one that this model's config fixes", c.name));
}

bool has(const ParameterSet& parameters, const std::string& name) {
  return std::ranges::count(parameters.all(), name, &Parameter::name) +
             std::ranges::count(parameters.constants(), name, &Constant::name) >
         0;
}

void check_model(const Files& files, const ParameterSet& parameters, bool cut) {
  for (const Parameter& p : parameters.all()) {
    const auto* entry = files.model.find(p.name);
    if (!entry) refuse(files.model_path, "it lacks this model's parameter " + p.name);
    if (!fits(entry->shape, p, cut))
      refuse(files.model_path, fmt::format("its {} has the shape {}, this model's has {}", p.name,
                                           entry->shape.text(), p.shape.text()));
  }
  for (const Parameter& p : parameters.all())
    check_finite(files.model_path, p.name, files.model.read(*files.model.find(p.name)));
  for (const Constant& c : parameters.constants()) check_constant(files, c);
  for (const auto& entry : files.model.entries())
    if (!has(parameters, entry.name))
      refuse(files.model_path, "it has " + entry.name + ", which this model lacks");
}

std::vector<float> read_state(const Files& files, const std::string& name, const Parameter& p) {
  if (!files.state.has(name)) refuse(files.state_path, "it lacks " + name);
  if (files.state.shape(name) != H5File::Extents(p.shape.dims, p.shape.dims + p.shape.rank))
    refuse(files.state_path,
           fmt::format("its {} does not have the shape {}", name, p.shape.text()));
  auto values = files.state.read<float>(name);
  check_finite(files.state_path, name, values);
  return values;
}

/// The optimizer's numbers in the order of `state()` and of the parameters.
std::vector<std::vector<float>> read_states(const Files& files, const ParameterSet& parameters,
                                            const std::vector<Optimizer::State>& arrays) {
  std::vector<std::string> names;
  for (const Optimizer::State& array : arrays) names.push_back(array.name);
  std::ranges::sort(names);
  const auto found = files.state.names("/optimizer");
  if (found != names)
    refuse(files.state_path,
           fmt::format("it holds the optimizer state [{}], but this run's optimizer keeps [{}]",
                       fmt::join(found, ", "), fmt::join(names, ", ")));
  std::vector<std::vector<float>> values;
  for (const Optimizer::State& array : arrays)
    for (const Parameter& p : parameters.all())
      values.push_back(read_state(files, state_path(array, p), p));
  return values;
}

void copy_weights(const Files& files, ParameterSet& parameters) {
  for (Parameter& p : parameters.all())
    files.model.copy(*files.model.find(p.name), p.variable.value.data, p.shape.size());
}

fs::path with(const fs::path& checkpoint, const char* suffix) {
  fs::path out = checkpoint;
  return out += suffix;
}

/// Removes what this program writes into a checkpoint, and the folder unless something else is in
/// it.
void remove_own(const fs::path& folder) {
  if (!is_folder(folder)) return;
  for (const char* name : {kModel, kState})
    for (const fs::path& file : {folder / name, temporary_of(folder / name)}) remove_path(file);
  remove_if_empty(folder);
}

/// Renamed first, so that half a checkpoint never has a checkpoint's name.
void remove_checkpoint(const fs::path& checkpoint) {
  const fs::path doomed = with(checkpoint, kUnfinished);
  remove_own(doomed);
  move_path(checkpoint, doomed);
  remove_own(doomed);
}

/// Puts the finished `unfinished` in place of `checkpoint`.
void install(const fs::path& unfinished, const fs::path& checkpoint) {
  const fs::path replaced = with(checkpoint, kReplaced);
  const bool exists = is_folder(checkpoint);
  if (exists) move_path(checkpoint, replaced);
  try {
    move_path(unfinished, checkpoint);
  } catch (...) {
    if (exists) move_path(replaced, checkpoint);
    throw;
  }
  sync_folder(checkpoint.parent_path());
  remove_own(replaced);
}

}  // namespace

std::optional<int64_t> checkpoint_step(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return {};
  const char *begin = name.data() + sizeof kPrefix - 1, *end = name.data() + name.size();
  int64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc{} || stop != end || step < 0) return {};
  return step;
}

fs::path save_checkpoint(const fs::path& checkpoints, const CheckpointInfo& info,
                         const ParameterSet& parameters, Optimizer* optimizer) {
  return save_checkpoint(checkpoints, info, parameters,
                         optimizer ? optimizer->state() : std::vector<Optimizer::State>());
}

fs::path save_checkpoint(const fs::path& checkpoints, const CheckpointInfo& info,
                         const ParameterSet& parameters,
                         const std::vector<Optimizer::State>& state) {
  const fs::path checkpoint = checkpoints / fmt::format("{}{:08}", kPrefix, info.step);
  const fs::path unfinished = with(checkpoint, kUnfinished);
  make_folder(checkpoints);
  clean_checkpoints(checkpoints);
  try {
    make_folder(unfinished);
    const std::string model = model_bytes(unfinished / kModel, info, parameters);
    write_atomically(unfinished / kModel, model);
    write_state(unfinished / kState, info, crc(model), parameters, state);
    install(unfinished, checkpoint);
  } catch (...) {
    try {
      remove_own(unfinished);
    } catch (const Error&) {  // the reason why saving failed matters more
    }
    throw;
  }
  return checkpoint;
}

CheckpointInfo load_checkpoint(const fs::path& checkpoint, ParameterSet& parameters,
                               Optimizer* optimizer) {
  if (optimizer) return load_checkpoint(checkpoint, parameters, optimizer->state());
  const Files files = open_files(checkpoint);
  check_model(files, parameters, true);
  copy_weights(files, parameters);
  return files.info;
}

CheckpointInfo load_checkpoint(const fs::path& checkpoint, ParameterSet& parameters,
                               const std::vector<Optimizer::State>& state) {
  const Files files = open_files(checkpoint);
  check_model(files, parameters, false);
  const auto values = read_states(files, parameters, state);
  auto next = values.begin();
  for (const Optimizer::State& array : state)
    for (const Parameter& p : parameters.all())
      std::ranges::copy(*next++, part(array.values, parameters, p).begin());
  copy_weights(files, parameters);
  return files.info;
}

int64_t checkpoint_memory(const fs::path& checkpoint) {
  const auto bytes = [&](const char* name) {
    std::error_code missing;
    const auto size = fs::file_size(checkpoint / name, missing);
    return missing ? 0 : static_cast<int64_t>(size);
  };
  return bytes(kModel) + 2 * bytes(kState);  // HDF5 copies what it opens
}

CheckpointInfo read_checkpoint_info(const fs::path& checkpoint) {
  return open_files(checkpoint).info;
}

std::vector<fs::path> list_checkpoints(const fs::path& checkpoints) {
  std::vector<fs::path> found;
  for (const fs::path& entry : entries_of(checkpoints))
    if (checkpoint_step(entry) && (fs::exists(entry / kModel) || fs::exists(entry / kState)))
      found.push_back(entry);
  std::ranges::sort(found, {}, checkpoint_step);
  return found;
}

void prune_checkpoints(const fs::path& checkpoints, int64_t newest, int64_t keep,
                       const std::vector<int64_t>& kept) {
  if (keep <= 0) return;
  auto found = list_checkpoints(checkpoints);
  std::erase_if(found, [&](const fs::path& each) { return *checkpoint_step(each) > newest; });
  for (int64_t i = 0; i < std::ssize(found) - keep; ++i)
    if (std::ranges::find(kept, *checkpoint_step(found[i])) == kept.end())
      remove_checkpoint(found[i]);
}

void remove_checkpoints(const fs::path& checkpoints) {
  clean_checkpoints(checkpoints);
  for (const fs::path& checkpoint : list_checkpoints(checkpoints)) remove_checkpoint(checkpoint);
  remove_if_empty(checkpoints);
}

void clean_checkpoints(const fs::path& checkpoints) {
  for (const fs::path& entry : entries_of(checkpoints)) {
    fs::path checkpoint = entry;
    checkpoint.replace_extension();
    if (!checkpoint_step(checkpoint)) continue;
    if (entry.extension() == kUnfinished) remove_own(entry);
    if (entry.extension() != kReplaced) continue;
    if (is_folder(checkpoint))
      remove_own(entry);
    else
      move_path(entry, checkpoint);
  }
}

}  // namespace waiver
