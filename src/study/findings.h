#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "study/record.h"

namespace waiver {

/// Whether a finished run of a study may be represented by a record alone.
enum class Records { ignore, accept };
/// What becomes of a finished run whose folder or record cannot be read.
enum class Damage { refuse, keep };

/// What is there of each run of a study: folders and records, read once.
class Findings {
 public:
  enum class From { nothing, folder, record, committed };
  struct Run {
    From from = From::nothing;
    std::optional<RunRecord> record;  // where it is finished
    std::string damage = {};          // why it cannot be read, where that is kept
  };

  /// Reads the folders and, where accepted, the records of the runs at these places of the study,
  /// in the sweep's folder and beside the study's file; `digests`: of each run of the study that is
  /// asked for. Throws UsageError where a record in the sweep's folder is of another config or
  /// other data; one beside the study is passed over. Throws Error where one is damaged, unless
  /// that is kept.
  Findings(const Study& study, const std::filesystem::path& sweep, std::vector<RunDigests> digests,
           const std::vector<size_t>& asked_for, Records records, Damage damage = Damage::refuse);

  /// Looks again at the folder and the record of one run.
  void look(size_t run);
  /// Puts the record of every finished run into the sweep's folder, where it is not there yet.
  void write_records() const;

  const Run& operator[](size_t run) const { return runs_[run]; }
  bool is_done(size_t run) const { return runs_[run].record.has_value(); }
  /// The records of the finished runs, in the order of the study.
  std::vector<RunRecord> records() const;
  std::vector<size_t> missing() const;
  /// What is remarkable about the records in use, as sentences: other code or processors, which may
  /// give other bits, and committed ones that do not fit.
  std::vector<std::string> notes() const;

 private:
  void find(size_t run);
  std::optional<RunRecord> in_folder(size_t run) const;
  std::optional<RunRecord> record_of_folder(size_t run) const;
  std::optional<RunRecord> in_records(size_t run) const;
  std::optional<RunRecord> committed(size_t run);

  const Study& study_;
  std::filesystem::path sweep_;
  std::vector<RunDigests> digests_;
  Records accepted_;
  Damage damage_;
  std::vector<Run> runs_;
  std::vector<std::string> unfit_;  // committed records of another config or other data
};

}  // namespace waiver
