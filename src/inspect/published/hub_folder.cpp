#include "inspect/published/hub_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/input_file.h"
#include "core/files/strict_json.h"
#include "core/math.h"
#include "core/text/printable.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

constexpr char kConfigFile[] = "config.json";
constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr int64_t kLongestConfig = int64_t{10} << 20, kLongestIndex = int64_t{100} << 20;

/// What the user gave is wrong, whatever finds it.
template <class F>
auto of_the_user(const F& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw UsageError(error.where(), error.problem());
  }
}

[[noreturn]] void refuse_tensor(const fs::path& file, const std::string& name,
                                const std::string& what, const std::string& hint = {}) {
  throw Error(file.string() + ", tensor " + name, what, hint);
}

/// There, if only as a link to nothing: opening it then says so.
bool is_listed(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

Json read_object(const fs::path& file, int64_t longest) {
  constexpr size_t deepest = 20;  // published ones have four levels
  Json json = parse_strict_json(file.string(), read_file(file, longest), deepest);
  if (!json.is_object())
    throw Error(file.string(), fmt::format("it holds a JSON {}, not an object", json.type_name()));
  return json;
}

void check_folder(const fs::path& folder) {
  std::error_code code;
  const fs::file_type type = fs::status(folder, code).type();
  if (type == fs::file_type::directory) {
    if (!is_listed(folder / kConfigFile))
      throw Error(folder.string(), "this folder has no config.json",
                  "A published model's folder has it beside its *.safetensors.");
    return;
  }
  if (type == fs::file_type::not_found) throw Error(folder.string(), "there is no such folder");
  if (type == fs::file_type::none) throw Error(folder.string(), code.message());
  throw Error(folder.string(), "this is not a folder",
              "Name the folder that holds config.json and *.safetensors.");
}

/// A clone without Git LFS has a text of three lines in the place of each large file.
void check_fetched(const fs::path& path) {
  const InputFile file(path);
  std::string start(std::min<size_t>(static_cast<size_t>(file.size()), 40), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  if (start.starts_with("version https://git-lfs.github.com/"))
    throw Error(path.string(), "this is a Git LFS pointer, not the file itself",
                "Fetch it with: git lfs pull.");
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find_first_of("/\\\n\r\t") == name.npos &&
         name.find("..") == name.npos && name != "." && first_non_text(name) == name.npos;
}

/// From tensor to file name.
std::map<std::string, std::string> read_index(const fs::path& index) {
  const Json json = read_object(index, kLongestIndex);
  const auto weights = json.find("weight_map");
  if (weights == json.end() || !weights->is_object() || weights->empty())
    throw Error(index.string(), "it needs a weight_map, from each tensor's name to its file");
  std::map<std::string, std::string> out;
  for (const auto& [name, file] : weights->items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>()))
      refuse_tensor(index, name, "its file must be the plain name of one in this folder");
    out[name] = file.get<std::string>();
  }
  return out;
}

[[noreturn]] void refuse_without_weights(const fs::path& folder) {
  std::string hint;
  for (const fs::path& path : entries_of(folder)) {
    const std::string name = path.filename().string(), ending = path.extension().string();
    if (ending == ".bin" || ending == ".pt" || ending == ".pth" || ending == ".h5" ||
        ending == ".msgpack" || ending == ".gguf")
      hint = "Its " + name +
             " is not read, only safetensors are. In Python: "
             "transformers.AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OTHER).";
    else if (ending == ".safetensors")
      hint = "Several files need the index beside them; a single one needs the first name.";
    else
      continue;
    break;
  }
  throw Error(folder.string(),
              fmt::format("this folder has no {} and no {}", kSingleFile, kIndexFile), hint);
}

}  // namespace

HubFolder HubFolder::open(const fs::path& folder) {
  return of_the_user([&] { return HubFolder(folder); });
}

HubFolder::HubFolder(const fs::path& folder) : folder_(folder) {
  check_folder(folder_);
  config_ = read_object(folder_ / kConfigFile, kLongestConfig);
  open_weights();
}

void HubFolder::open_weights() {
  if (is_listed(folder_ / kSingleFile)) {
    open_file(folder_ / kSingleFile);
    for (const SafetensorsEntry& entry : files_[0].entries()) tensors_[entry.name] = {0, &entry};
  } else if (is_listed(folder_ / kIndexFile)) {
    open_shards(folder_ / kIndexFile);
  } else {
    refuse_without_weights(folder_);
  }
  if (tensors_.empty()) throw Error((folder_ / kSingleFile).string(), "it holds no tensors");
}

void HubFolder::open_shards(const fs::path& index) {
  const auto listed = read_index(index);
  std::set<std::string> names;
  for (const auto& [tensor, name] : listed) names.insert(name);
  for (const std::string& name : names) {
    const fs::path file = folder_ / name;
    if (!is_listed(file))
      throw Error(file.string(), fmt::format("{} lists this file, but it is missing", kIndexFile));
    open_file(file);
    for (const SafetensorsEntry& entry : files_.back().entries()) {
      const auto where = listed.find(entry.name);
      if (where == listed.end())
        refuse_tensor(file, entry.name, fmt::format("{} does not list it", kIndexFile));
      if (where->second != name)
        refuse_tensor(file, entry.name,
                      fmt::format("{} lists it in {} instead", kIndexFile, where->second));
      tensors_[entry.name] = {files_.size() - 1, &entry};
    }
  }
  for (const auto& [tensor, name] : listed)
    if (!tensors_.contains(tensor))
      refuse_tensor(folder_ / name, tensor,
                    fmt::format("{} lists it here, but it is missing", kIndexFile));
}

void HubFolder::open_file(const fs::path& file) {
  check_fetched(file);
  files_.push_back(Safetensors::open(file));
}

std::vector<std::string> HubFolder::names() const {
  std::vector<std::string> out;
  for (const auto& [name, place] : tensors_) out.push_back(name);
  return out;
}

const HubFolder::Place* HubFolder::place(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

const SafetensorsEntry* HubFolder::find(std::string_view name) const {
  const Place* found = place(name);
  return found ? found->entry : nullptr;
}

fs::path HubFolder::file_of(std::string_view name) const {
  const Place* found = place(name);
  return found ? files_[found->file].path() : fs::path();
}

void HubFolder::read(std::string_view name, float* out) const {
  const Place* found = place(name);
  if (!found)
    throw UsageError(folder_.string(), fmt::format("it has no tensor {}", in_quotes(name)));
  const Safetensors& file = files_[found->file];
  of_the_user([&] { file.copy(*found->entry, out); });
  if (!all_finite({out, static_cast<size_t>(found->entry->shape.size())}))
    of_the_user([&] {
      refuse_tensor(file.path(), found->entry->name, "it holds NaN or infinity",
                    "This model cannot be used; download it again.");
    });
}

}  // namespace waiver
