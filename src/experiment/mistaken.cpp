#include "experiment/mistaken.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "core/error.h"
#include "experiment/keys.h"
#include "experiment/run_directory.h"
#include "experiment/sweep_index.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr char kRunUsage[] = "Give RUN, or RUN/checkpoints/step-….";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// The names in a folder, sorted; none where it cannot be read.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
    names.push_back(at->path().filename().string());
  std::ranges::sort(names);
  return names;
}

bool is_checkpoint(const fs::path& folder) { return is_there(folder / "model.safetensors"); }

// The first runs of a sweep that are there, as paths.
std::string runs_of(const fs::path& sweep) {
  constexpr size_t kMost = 3;
  std::vector<std::string> runs;
  size_t more = 0;
  for (const std::string& name : names_in(sweep)) {
    if (!is_run(sweep / name)) continue;
    runs.size() < kMost ? runs.push_back((sweep / name).string()) : void(++more);
  }
  if (runs.empty()) return "It has no run yet.";
  if (more > 0) runs.push_back(fmt::format("{} more", more));
  return fmt::format("Its runs are {}.", join_or(runs, "and"));
}

[[noreturn]] void refuse_file(const fs::path& path, const std::string& verb) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string text = path.string(), name = path.filename().string();
  if (is_checkpoint(folder) && (name == "model.safetensors" || name == "state.h5"))
    throw UsageError(text, "this is a file of a checkpoint",
                     fmt::format("Give its folder: waiver {} {}", verb, folder.string()));
  if (is_run(folder))
    throw UsageError(text, "this is a file of a run",
                     fmt::format("Give its folder: waiver {} {}", verb, folder.string()));
  if (path.extension() == ".yaml" || path.extension() == ".yml")
    throw UsageError(text, fmt::format("this is a YAML file, and {} takes a trained model", verb),
                     kRunUsage);
  throw UsageError(text, "this is a file, neither a run nor a checkpoint", kRunUsage);
}

size_t count_keys(const Node& top, const std::set<std::string>& names) {
  return static_cast<size_t>(std::ranges::count_if(
      top.entries, [&](const Node::Entry& entry) { return names.contains(entry.name); }));
}

}  // namespace

std::string nearest_path(const std::string& path) {
  const fs::path given = fs::path(path).lexically_normal();
  const fs::path folder = given.parent_path();
  const std::vector<std::string> names = names_in(folder.empty() ? "." : folder);
  std::vector<Choice> choices;
  for (const std::string& name : names) choices.push_back({name, ""});
  // The name alone, or without its ending, may be all that was given.
  std::vector<std::string> near;
  for (const std::string& name : names)
    if (fs::path(name).stem() == given.filename() || fs::path(name).stem() == given.stem())
      near.push_back(name);
  if (near.empty() || near.size() > 3) near = nearest_names(choices, given.filename().string());
  for (std::string& name : near) name = (folder / name).string();
  return did_you_mean(near);
}

std::string hint_for_folder(const std::string& folder) {
  if (is_sweep(folder))
    return fmt::format(
        "It is a sweep's folder: waiver sweep EXPERIMENT --out {} --resume goes on with it.",
        folder);
  if (is_run(folder))
    return fmt::format(
        "It is a run's folder: waiver train CONFIG --out {} --resume goes on with it.", folder);
  if (is_checkpoint(folder)) return "It is a checkpoint's folder.";
  std::vector<std::string> files;
  for (const std::string& name : names_in(folder))
    if (name.ends_with(".yaml") && files.size() < 5)
      files.push_back((fs::path(folder) / name).string());
  return files.empty() ? "" : fmt::format("In it are {}.", join_or(files, "and"));
}

void require_document(const Node& top, const std::string& path, Document wanted) {
  static const struct {
    Document document;
    std::string what, use;
    std::set<std::string> keys;  // that only such a file has
  } documents[] = {{Document::config,
                    "the config of one run",
                    "waiver train {} trains it.",
                    {"model", "data", "train", "probe", "seed"}},
                   {Document::experiment,
                    "an experiment of several runs",
                    "waiver sweep {} trains them.",
                    {"grid", "seeds", "set"}},
                   {Document::spec,
                    "a spec of interventions",
                    "waiver intervene RUN {} applies it.",
                    {"arms", "positions"}}};
  for (const auto& d : documents)
    if (d.document == wanted && count_keys(top, d.keys) > 0) return;
  for (const auto& d : documents)
    if (d.document != wanted && count_keys(top, d.keys) > 0)
      throw UsageError(path, "this is " + d.what, fmt::format(fmt::runtime(d.use), path));
}

void require_run(const std::string& path, const std::string& verb) {
  if (!is_there(path))
    throw UsageError(path, "there is no such run or checkpoint", nearest_path(path));
  if (!is_folder(path)) refuse_file(path, verb);
  if (is_sweep(path))
    throw UsageError(path, fmt::format("this is a sweep's folder, and {} takes one run", verb),
                     runs_of(path));
}

}  // namespace waiver
