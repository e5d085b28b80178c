#include "study/sweep_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/files/files.h"
#include "core/stop.h"
#include "run/directory.h"
#include "study/index.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr char kStudyFile[] = "experiment.yaml";

SweepIndex index_of(const Study& study) {
  SweepIndex index{study.title, study.question, {}, study.published};
  for (const StudyRun& run : study.runs)
    index.runs.push_back({run.name, run.group.empty() ? study.name : run.group, run.seed});
  return index;
}

bool has_only_records(const fs::path& folder) {
  return std::ranges::all_of(entries_of(folder),
                             [&](const fs::path& entry) { return entry == records_of(folder); });
}

}  // namespace

void check_sweep_folder(const fs::path& folder, bool may_continue) {
  const fs::file_status status = fs::status(folder);
  if (fs::exists(status) ? !fs::is_directory(status) : fs::is_symlink(folder))
    throw UsageError(folder.string(), "this is no folder, and a sweep needs one",
                     "Choose another place with --out.");
  if (!fs::exists(status) || fs::is_empty(folder)) return;
  // The index is the first file of a sweep; a killed sweep may have left it half written.
  if (!is_sweep(folder) && !fs::exists(temporary_of(folder / SweepIndex::kName)) &&
      !has_only_records(folder))
    throw UsageError(folder.string(), "this is not a sweep's folder, and it is not empty",
                     "Choose another place with --out.");
  if (!may_continue)
    throw UsageError(folder.string(), "a sweep is already there",
                     "--resume continues it, --out DIR goes elsewhere.");
}

void check_same_study(const Study& study, const fs::path& folder) {
  if (!is_sweep(folder)) return;
  const SweepIndex now = index_of(study);
  for (const SweepIndex::Run& was : SweepIndex::read(folder).runs) {
    const auto same = [&](const SweepIndex::Run& run) {
      return run.name == was.name && run.group == was.group;
    };
    if (std::ranges::none_of(now.runs, same))
      throw UsageError(
          (folder / SweepIndex::kName).string(),
          fmt::format(
              "this sweep has the run {}, which the study {} lacks, so it belongs to another study",
              was.name, study.name),
          "Choose another place with --out.");
  }
}

void check_same_run(const fs::path& folder, const StudyRun& run, const DataRecord& data) {
  const fs::path place = folder / run.name;
  if (!is_run(place)) return;
  check_same_config(place, run.config);
  if (fs::exists(place / IdentityFile::kName))
    check_same_data(IdentityFile::read(place).data, data, {}, place.string());
}

void begin_sweep(const Study& study, const fs::path& folder) {
  make_folder(folder);
  const SweepLock lock(folder);
  const Uninterrupted whole;
  const std::pair<fs::path, std::string> files[] = {
      {folder / SweepIndex::kName, index_of(study).to_json()}, {folder / kStudyFile, study.text}};
  for (const auto& [file, text] : files)
    if (!fs::exists(file) || read_file(file) != text) write_atomically(file, text);
}

SweepLock::SweepLock(const fs::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  while (descriptor_ >= 0) {
    if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check_stop();
  }
  const std::string why = std::generic_category().message(errno);
  if (descriptor_ >= 0) close(descriptor_);
  throw Error(folder.string(), "the folder cannot be locked: " + why);
}

SweepLock::~SweepLock() { close(descriptor_); }

}  // namespace waiver
