#include "run/directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/machine.h"
#include "run/log_file.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// The first line in which two texts differ, from each.
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

constexpr const char* kTexts[] = {"status",           "log.h5",        "train.log",
                                  "environment.json", "overrides.txt", "config.original.yaml"};
constexpr char kConfig[] = "config.yaml";

// Folders from before runs had an identity.
bool is_older_run(const fs::path& folder) {
  return fs::exists(folder / kConfig) && fs::exists(folder / "overrides.txt") &&
         fs::exists(folder / "environment.json") && fs::exists(folder / "status");
}

// The identity of a run whose folder does not state it, from its newest checkpoint or its config
// and data.
std::string identity_of_older(const fs::path& folder, const DataRecord& data) {
  const auto saved = list_checkpoints(folder / "checkpoints");
  for (auto checkpoint = saved.rbegin(); checkpoint != saved.rend(); ++checkpoint) try {
      const std::string found = read_checkpoint_info(*checkpoint).identity;
      if (!found.empty()) return found;
    } catch (const Error&) {  // a damaged one is reported when it is loaded
    }
  const fs::path config = folder / kConfig;
  return identity_of(parse_config(read_file(config), config.string()), data);
}

// Whether the process was killed while starting or replacing a run.
bool is_unbegun(const fs::path& folder) {
  if (fs::exists(folder / IdentityFile::kName)) {
    IdentityFile::read(folder);
    return !fs::exists(folder / kConfig);
  }
  std::vector<fs::path> entries = entries_of(folder);
  std::erase(entries, temporary_of(folder / IdentityFile::kName));
  return entries.empty();
}

// Throws UsageError where something that this program did not write has a name that it would use.
void check_own_kinds(const fs::path& folder) {
  const auto check = [](const fs::path& path, bool good, const char* what) {
    if (fs::exists(path) && !good)
      throw UsageError(path.string(), fmt::format("this is not a {} of this program", what),
                       "Move it away, or choose another place with --out.");
  };
  for (const char* name : {"checkpoints", "failed"})
    check(folder / name, fs::is_directory(folder / name), "folder");
  for (const char* name : kTexts) check(folder / name, fs::is_regular_file(folder / name), "file");
}

// Killed at any moment, it leaves a run that can be overwritten or started again: what makes the
// folder a run's is removed last, what would pass for progress first.
void clear(const fs::path& folder) {
  remove_path(folder / "status");
  for (const char* name : {"checkpoints", "failed"})
    if (fs::is_directory(folder / name)) remove_checkpoints(folder / name);
  for (const fs::path& effects : entries_of(folder / "interventions"))
    if (Log::is_log(effects)) remove_path(effects);
  remove_if_empty(folder / "interventions");
  if (const fs::path file = folder / kMechanismFile; Log::is_log(file)) remove_path(file);
  for (const char* name : kTexts)
    for (const fs::path& file : {folder / name, temporary_of(folder / name)}) remove_path(file);
  for (const char* name : {kConfig, IdentityFile::kName})
    for (const fs::path& file : {temporary_of(folder / name), folder / name}) remove_path(file);
}

// Why the run in the folder cannot have as many steps as `config`; empty where it can.
std::string against_other_steps(const fs::path& folder, const Config& config) {
  const ScheduleConfig& schedule = config.train.schedule;
  if (schedule.kind != ScheduleKind::constant)
    return fmt::format(
        "the schedule {} ends at the last step, so the steps already made would have had another "
        "learning rate",
        word(schedule.kind));
  const auto saved = list_checkpoints(folder / "checkpoints");
  const int64_t made = saved.empty() ? 0 : checkpoint_step(saved.back()).value_or(0);
  return made > config.train.steps ? fmt::format("{} are made already", made) : "";
}

}  // namespace

RunDirectory::RunDirectory(const RunPlan& plan, const Config& config, const DataRecord& data)
    : folder_(plan.directory) {
  if (fs::exists(folder_) && !fs::is_directory(folder_))
    throw UsageError(plan.directory, "this is a file, not a folder for a run",
                     "Choose another place with --out.");
  const bool there = is_run(folder_);
  if (!there && fs::exists(folder_) && !is_unbegun(folder_))
    throw UsageError(plan.directory, "this is not a run directory, and it is not empty",
                     "Choose another place with --out.");
  if (there && !plan.resume && !plan.overwrite)
    throw UsageError(plan.directory, "a run is already there",
                     "--resume continues it, --overwrite replaces it, --out DIR goes elsewhere.");
  if (there && plan.resume) check_same_config(folder_, config);
  if (there && plan.overwrite) check_own_kinds(folder_);
  make_folder(folder_);
  lock();
  if (is_run(folder_) != there)
    throw UsageError(plan.directory, "another process has just started a run here",
                     "Choose another place with --out, or continue that run with --resume.");
  if (there && plan.resume)
    open(data);
  else
    create(plan, config, data);
}

void RunDirectory::open(const DataRecord& data) {
  resumed_ = true;
  data_ = data;
  if (!fs::exists(folder_ / IdentityFile::kName)) {
    identity_ = identity_of_older(folder_, data);
    return;
  }
  const IdentityFile file = IdentityFile::read(folder_);
  check_same_data(file.data, data, {}, folder_.string());
  identity_ = file.identity;
}

void RunDirectory::begin(const Config& config, int64_t step, const Ranks& ranks) {
  if (!fs::exists(path(IdentityFile::kName))) IdentityFile{identity_, data_}.write(held());
  if (!is_same_config(held(), config)) write_atomically(path(kConfig), to_yaml(config));
  record_environment(step, ranks);
  begun_ = true;
  set_status("running");
}

void RunDirectory::create(const RunPlan& plan, const Config& config, const DataRecord& data) {
  clear(folder_);
  identity_ = identity_of(config, data);
  IdentityFile{identity_, data}.write(folder_);
  std::string overrides;
  for (const std::string& o : plan.overrides) overrides += o + "\n";
  write_atomically(folder_ / "overrides.txt", overrides);
  if (!config.original.empty()) write_atomically(folder_ / "config.original.yaml", config.original);
  write_atomically(folder_ / kConfig, to_yaml(config));
  begun_ = true;
}

fs::path RunDirectory::folder() const {
  struct stat held {
  }, named{};
  if (::fstat(lock_.descriptor, &held) != 0 || held.st_nlink == 0)
    throw Error(folder_.string(), "the run's folder was removed while the run worked in it");
  if (::stat(folder_.c_str(), &named) == 0 && named.st_ino == held.st_ino &&
      named.st_dev == held.st_dev)
    return folder_;
  std::error_code code;
  const fs::path now = fs::read_symlink(this->held(), code);
  if (code) throw Error(folder_.string(), "the run's folder was renamed and cannot be found");
  return now;
}

fs::path RunDirectory::held() const { return fmt::format("/proc/self/fd/{}", lock_.descriptor); }

std::string RunDirectory::readable(const std::string& text) const {
  const std::string held = this->held().string() + "/";
  std::string out = text;
  for (size_t at = out.find(held); at != out.npos; at = out.find(held, at))
    out.replace(at, held.size(), folder().string() + "/");
  return out;
}

std::vector<std::string> RunDirectory::foreign() const {
  std::vector<std::string> own(std::begin(kTexts), std::end(kTexts)), out;
  for (const char* name : {kConfig, IdentityFile::kName, "checkpoints", "failed"})
    own.emplace_back(name);
  for (const fs::path& entry : entries_of(held()))
    if (std::ranges::find(own, entry.filename().string()) == own.end())
      out.push_back(entry.filename().string());
  return out;
}

void RunDirectory::lock() {
  lock_.descriptor = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  constexpr int kTries = 10;  // `is_held` holds it for a moment
  for (int i = 0; i < kTries && lock_.descriptor >= 0; ++i) {
    if (flock(lock_.descriptor, LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK) break;
    usleep(1000);
    errno = EWOULDBLOCK;
  }
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

// The list of machines so far.
Json RunDirectory::environment() const {
  const fs::path file = path("environment.json");
  Json starts = Json::array();
  if (fs::exists(file)) starts = parse_json(read_file(file));
  if (!starts.is_array())
    throw Error(file.string(), "this is not the list of machines that the run was on",
                "It is damaged: move it away, and a new one will be started.");
  return starts;
}

void RunDirectory::record_environment(int64_t from_step, const Ranks& ranks) const {
  Json starts = environment(), facts = {{"from_step", from_step}};
  for (const auto& [name, value] : machine_facts()) facts[name] = value;
  facts["ranks"] = ranks.count();
  if (!ranks.alone()) facts["mpi"] = ranks.library();
  starts.push_back(std::move(facts));
  write_json(path("environment.json"), starts);
}

void RunDirectory::record_times(const Profile& profile, int64_t updates) const {
  constexpr const char* kPasses[] = {"forward", "backward", "around"};
  Json starts = environment(), times = Json::object();
  if (starts.empty() || !starts.back().is_object()) return;  // somebody took it away meanwhile
  for (const Profile::Entry& entry : profile.entries())
    times[std::string(entry.name)][kPasses[entry.pass]] =
        1000.0 * entry.seconds / static_cast<double>(updates);
  starts.back()["milliseconds_an_update"] = std::move(times);
  write_json(path("environment.json"), starts);
}

// Both as this program writes them, so that keys which the older text lacks are not a difference.
bool is_same_config(const fs::path& directory, const Config& config) {
  const fs::path file = directory / kConfig;
  return to_yaml(without_savers(parse_config(read_file(file), file.string()))) ==
         to_yaml(without_savers(config));
}

void check_same_config(const fs::path& directory, const Config& config) {
  const std::string file = (directory / kConfig).string(), text = to_yaml(without_savers(config));
  Config before = without_savers(parse_config(read_file(file), file));
  const std::string old = to_yaml(before);
  if (old == text) return;
  const int64_t steps = std::exchange(before.train.steps, config.train.steps);
  if (to_yaml(before) != text) {
    const auto [was, is] = first_difference(old, text);
    throw UsageError(
        file,
        fmt::format("the run was started with another config: there '{}', here '{}'", was, is),
        "Resume with the same config and overrides, or use --out for a new run.");
  }
  if (const std::string reason = against_other_steps(directory, config); !reason.empty())
    throw UsageError("train.steps",
                     fmt::format("the run in {} has {}, here it has {}, but {}", directory.string(),
                                 steps, config.train.steps, reason),
                     "Train a new run with --out.");
}

bool is_run(const fs::path& directory) {
  if (!fs::exists(directory / IdentityFile::kName)) return is_older_run(directory);
  // Another program's file of that name does not make the folder a run; a damaged one of ours does.
  return fs::exists(directory / kConfig) &&
         (IdentityFile::is_own(directory) || is_older_run(directory));
}

bool is_held(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(descriptor);
  return held;
}

std::string run_status(const std::string& directory) {
  const fs::path file = fs::path(directory) / "status";
  if (!fs::exists(file)) return {};
  const std::string text = read_file(file);
  return text.substr(0, text.find_first_of(":\n"));
}

std::string run_status_reason(const std::string& directory) {
  const fs::path file = fs::path(directory) / "status";
  const std::string text = fs::exists(file) ? read_file(file) : "";
  const size_t begin = text.find(": ");
  return begin == text.npos ? "" : text.substr(begin + 2, text.find('\n', begin) - begin - 2);
}

}  // namespace waiver
