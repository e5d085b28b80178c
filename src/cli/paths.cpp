#include "cli/paths.h"

#include <fmt/format.h>

#include <filesystem>
#include <vector>

#include "config/suggest.h"
#include "core/error.h"
#include "run/directory.h"
#include "study/index.h"

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

bool is_checkpoint(const fs::path& folder) { return is_there(folder / "model.safetensors"); }

// The first existing runs of a sweep, as paths.
std::string runs_of(const fs::path& sweep) {
  constexpr size_t kMost = 3;
  std::vector<std::string> runs;
  size_t more = 0;
  for (const std::string& name : names_in(sweep)) {
    if (!is_run(sweep / name)) continue;
    runs.size() < kMost ? runs.push_back((sweep / name).string()) : void(++more);
  }
  if (runs.empty()) return "It has no runs yet.";
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

// What to do with a folder of this program; empty for any other.
std::string hint_for_folder(const std::string& folder) {
  if (is_sweep(folder))
    return fmt::format(
        "It is a sweep's folder: waiver sweep EXPERIMENT --out {} --resume continues it.", folder);
  if (is_run(folder))
    return fmt::format("It is a run's folder: waiver train CONFIG --out {} --resume continues it.",
                       folder);
  if (is_checkpoint(folder)) return "It is a checkpoint's folder.";
  return "";
}

}  // namespace

void require_file(const std::string& path) {
  if (path.empty()) throw UsageError("", "the path of a file is empty");
  if (const std::string hint = is_folder(path) ? hint_for_folder(path) : ""; !hint.empty())
    throw UsageError(path, "this is a folder, not a file", hint);
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
