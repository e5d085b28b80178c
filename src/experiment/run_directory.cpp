#include "experiment/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/machine.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// The first line in which two texts differ, of each.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string x, y;
  while (true) {
    const bool more_x = static_cast<bool>(std::getline(left, x));
    const bool more_y = static_cast<bool>(std::getline(right, y));
    if (!more_x) x = "nothing";
    if (!more_y) y = "nothing";
    if (x != y || (!more_x && !more_y)) return {x, y};
  }
}

// Whether a folder holds nothing, or only what a run that was killed before its config.yaml left.
bool is_unbegun(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    fs::path name = entry.path().filename();
    if (name.extension() == ".tmp") name.replace_extension();
    if (name != "overrides.txt" && name != "config.original.yaml" && name != "config.yaml")
      return false;
  }
  return true;
}

// Killed at any moment, it leaves a run that can be overwritten or begun again: config.yaml, which
// makes the folder a run's, goes last; what would pass for progress goes first.
void clear(const fs::path& folder) {
  for (const char* name : {"status", "checkpoints"}) remove_path(folder / name);
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != "config.yaml") remove_path(entry.path());
  remove_path(folder / "config.yaml");
}

}  // namespace

RunDirectory::RunDirectory(const RunPlan& plan, const Config& config) : folder_(plan.directory) {
  const std::string text = to_yaml(config);
  const bool is_run = fs::exists(folder_ / "config.yaml");
  if (fs::exists(folder_) && !is_run && !(fs::is_directory(folder_) && is_unbegun(folder_)))
    throw UsageError(plan.directory, "this is not a run directory, and it is not empty",
                     "Choose another place with --out.");
  if (is_run && !plan.resume && !plan.overwrite)
    throw UsageError(plan.directory, "a run is already there",
                     "--resume continues it, --overwrite replaces it, --out DIR goes elsewhere.");
  resumed_ = is_run && plan.resume;
  if (resumed_) check_same_config(folder_, config);
  if (is_run) lock();
  if (resumed_) return;
  if (is_run) clear(folder_);
  create(plan, text);
}

void RunDirectory::create(const RunPlan& plan, const std::string& config) {
  make_folder(folder_);
  if (lock_.descriptor < 0) lock();
  std::string overrides;
  for (const std::string& o : plan.overrides) overrides += o + "\n";
  write_atomically(path("overrides.txt"), overrides);
  if (!plan.config_path.empty())
    write_atomically(path("config.original.yaml"), read_file(plan.config_path));
  write_atomically(path("config.yaml"), config);
}

void RunDirectory::lock() {
  lock_.descriptor = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_.descriptor >= 0 && flock(lock_.descriptor, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    throw UsageError(folder_.string(), "another process is working in this run directory",
                     "Wait until it ends, or stop it.");
  throw Error(folder_.string(),
              "the folder cannot be locked: " + std::generic_category().message(errno));
}

RunDirectory::Lock::~Lock() {
  if (descriptor >= 0) close(descriptor);
}

void RunDirectory::set_status(const std::string& status) const {
  write_atomically(path("status"), status + "\n");
}

void RunDirectory::record_environment(int64_t from_step) const {
  nlohmann::ordered_json starts = nlohmann::ordered_json::array();
  if (fs::exists(path("environment.json"))) {
    auto before =
        nlohmann::ordered_json::parse(read_file(path("environment.json")), nullptr, false);
    if (before.is_array()) starts = std::move(before);
  }
  nlohmann::ordered_json facts = {{"from_step", from_step}};
  for (const auto& [name, value] : machine_facts()) facts[name] = value;
  starts.push_back(std::move(facts));
  write_atomically(path("environment.json"), starts.dump(2) + "\n");
}

void check_same_config(const fs::path& directory, const Config& config) {
  const std::string old = read_file(directory / "config.yaml"), text = to_yaml(config);
  if (old == text) return;
  const auto [before, now] = first_difference(old, text);
  throw UsageError(
      (directory / "config.yaml").string(),
      fmt::format("the run was begun with another config: there '{}', here '{}'", before, now),
      "Resume with the same config and overrides, or use --out for a new run.");
}

std::string run_status(const std::string& directory) {
  const fs::path file = fs::path(directory) / "status";
  if (!fs::exists(file)) return {};
  const std::string text = read_file(file);
  return text.substr(0, text.find_first_of(":\n"));
}

}  // namespace waiver
