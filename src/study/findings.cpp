#include "study/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/files/files.h"
#include "core/machine.h"
#include "core/stop.h"
#include "run/directory.h"
#include "study/sweep_folder.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

std::string value_of(const Maker& maker, std::string_view fact) {
  for (const auto& [name, value] : maker)
    if (name == fact) return value;
  return "";
}

// In what another program or processor differs; empty where nothing in it decides bits.
std::string difference(const std::vector<Maker>& makers, const Maker& here) {
  if (makers.empty()) return "an unknown program";
  for (const Maker& maker : makers) {
    if (maker == here) continue;
    for (const auto& [fact, word] :
         {std::pair("processor", "another processor"), std::pair("code", "other code")})
      if (value_of(maker, fact) != value_of(here, fact)) {
        const std::string value = value_of(maker, fact);
        return fmt::format("{}, {}", word, value.empty() ? "unknown" : value);
      }
    return "another build of the program, or of its libraries";
  }
  return "";
}

std::string named(const std::vector<std::string>& names) {
  constexpr size_t kMost = 5;
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMost)));
  const std::string text = fmt::format("{}", fmt::join(first, ", "));
  return names.size() <= kMost ? text : fmt::format("{} and {} more", text, names.size() - kMost);
}

}  // namespace

Findings::Findings(const Study& study, const fs::path& sweep, std::vector<RunDigests> digests,
                   const std::vector<size_t>& asked_for, Records records, Damage damage)
    : study_(study),
      sweep_(sweep),
      digests_(std::move(digests)),
      accepted_(records),
      damage_(damage),
      runs_(study.runs.size()) {
  for (const size_t i : asked_for) {
    check_stop();
    look(i);
  }
}

void Findings::look(size_t run) try { find(run); } catch (const Error& error) {
  if (damage_ == Damage::refuse || error.kind() == Error::Kind::usage) throw;
  runs_[run] = {From::nothing, {}, error.what()};
}

void Findings::find(size_t run) {
  Run& found = runs_[run];
  if ((found.record = in_folder(run))) {
    found.from = From::folder;
    return;
  }
  found.from = From::nothing;
  if (accepted_ == Records::ignore) return;
  if ((found.record = in_records(run)))
    found.from = From::record;
  else if ((found.record = committed(run)))
    found.from = From::committed;
}

std::optional<RunRecord> Findings::in_folder(size_t i) const try {
  return record_of_folder(i);
} catch (const Error& error) {
  throw Error(error.where(), error.problem(),
              fmt::format("Move {} away, and --resume trains that run anew.",
                          (sweep_ / study_.runs[i].name).string()));
}

// The record that is there already, unless another program wrote it, which may have measured
// otherwise, or the study claims more since.
std::optional<RunRecord> Findings::record_of_folder(size_t i) const {
  const StudyRun& run = study_.runs[i];
  const fs::path place = sweep_ / run.name;
  if (run_status(place.string()) != "done" || !is_same_config(place, run.config)) return {};
  if (const fs::path file = record_file(records_of(sweep_), run); fs::exists(file)) try {
      RunRecord record = RunRecord::read(file);
      if (record.recorded_by == code_digest() && record.digests == digests_[i] &&
          record.name == run.name && has_measured(record.measures, study_.claims, i) &&
          has_curves(record.curves, study_.curves, run.config))
        return record;
    } catch (const Error&) {  // a damaged one is replaced
    }
  return RunRecord::of(study_, run, digests_[i], place);
}

std::optional<RunRecord> Findings::in_records(size_t i) const {
  const StudyRun& run = study_.runs[i];
  const fs::path file = record_file(records_of(sweep_), run);
  if (!fs::exists(file)) return {};
  RunRecord record = RunRecord::read(file);
  if (record.is_of(run, digests_[i])) return record;
  if (is_run(sweep_ / run.name)) return {};  // from before that run was made longer or anew
  throw UsageError(
      file.string(),
      fmt::format("this is the record of a run with {}",
                  record.digests.data == digests_[i].data ? "another config" : "other data"),
      "Sweep into another folder with --out, or move it away.");
}

std::optional<RunRecord> Findings::committed(size_t i) {
  const StudyRun& run = study_.runs[i];
  const fs::path file = record_file(committed_records(study_), run);
  if (!fs::exists(file)) return {};
  RunRecord record = RunRecord::read(file);
  if (record.is_of(run, digests_[i])) return record;
  unfit_.push_back(run.name);
  return {};
}

void Findings::write_records() const {
  const fs::path records = records_of(sweep_);
  const SweepLock lock(sweep_);
  for (size_t i = 0; i < runs_.size(); ++i) {
    const From from = runs_[i].from;
    if (from != From::folder && from != From::committed) continue;
    const fs::path file = record_file(records, study_.runs[i]);
    const std::string text =
        from == From::folder ? runs_[i].record->to_json()
                             : read_file(record_file(committed_records(study_), study_.runs[i]));
    if (fs::exists(file) && read_file(file) == text) continue;
    make_folder(records);
    write_atomically(file, text);
  }
}

std::vector<RunRecord> Findings::records() const {
  std::vector<RunRecord> out;
  for (const Run& run : runs_)
    if (run.record) out.push_back(*run.record);
  return out;
}

std::vector<size_t> Findings::missing() const {
  std::vector<size_t> out;
  for (size_t i = 0; i < runs_.size(); ++i)
    if (!is_done(i)) out.push_back(i);
  return out;
}

std::vector<std::string> Findings::notes() const {
  std::map<std::string, std::vector<std::string>> others;
  const Maker here = this_maker();
  for (const Run& run : runs_)
    if (run.record)
      if (const std::string other = difference(run.record->made_by, here); !other.empty())
        others[other].push_back(run.record->name);
  std::vector<std::string> notes;
  for (const auto& [other, names] : others)
    notes.push_back(fmt::format(
        "Note: made by {}, so the bits may differ from those made here: {}.", other, named(names)));
  if (!unfit_.empty())
    notes.push_back(fmt::format(
        "Note: records in {} are of another config or other data, and are not used: {}.",
        committed_records(study_).string(), named(unfit_)));
  return notes;
}

}  // namespace waiver
