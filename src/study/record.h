#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run/events.h"
#include "run/identity.h"
#include "study/claims/measurements.h"
#include "study/study.h"

namespace waiver {

/// What decides whether a record may stand for a run: SHA-256 of the resolved config, and of the
/// data with its token strings, wherever its files lie.
struct RunDigests {
  std::string config, data;

  static RunDigests of(const Config& config, const DataRecord& data);
  bool operator==(const RunDigests&) const = default;
};

/// A program and a processor: what may decide the bits of a run besides its config and data.
using Maker = std::vector<std::pair<std::string, std::string>>;
/// Of this process: code, compiler, flags, processor, instruction sets, gemm, bfloat16_unit.
Maker this_maker();

/// What remains of a finished run once its folder is gone, a few kB in RECORDS/<its name>.json:
///   {format, name, group, settings: [key=value], seed, steps, digests: {config, data},
///    config: [line], log: {digest, checksum}, made_by: [{code, compiler, …}], recorded_by,
///    events: {place, onset_layer, events: [{event, onset, change}]} or null,
///    measures: {CLAIM: {measure, value}}, curves: {NAME: {curve, steps, values}},
///    timing: {seconds}}
/// Numbers survive it bit for bit. All but `timing` is the same whenever and however often
/// interrupted the run was made, by one program on one type of processor.
struct RunRecord {
  std::string name, group;
  std::vector<std::string> settings;
  int64_t seed = 0, steps = 0;
  RunDigests digests;
  std::string config;      // the YAML that digests.config is of
  std::string log_digest;  // of everything logged outside /timing (Log::digest)
  bool log_has_checksum = true;
  std::vector<Maker> made_by;  // those that trained it, each once; unknown for older runs
  std::string recorded_by;     // the code that wrote this record
  std::optional<RunEvents> events;
  Measurements measures;
  Json curves = Json::object();  // as by curves_of
  double seconds = 0;            // of training, since it was last resumed

  /// From the folder of a finished run.
  static RunRecord of(const Study& study, const StudyRun& run, const RunDigests& digests,
                      const std::filesystem::path& folder);
  /// Throws Error where it is damaged; REQUIRES: it is there.
  static RunRecord read(const std::filesystem::path& file);
  std::string to_json() const;

  /// Whether it is of this run with this config and data. Keys that its config lacks, because they
  /// came later, have their defaults.
  bool is_of(const StudyRun& run, const RunDigests& digests) const;
};

/// The file of a run's record in a folder of records.
std::filesystem::path record_file(const std::filesystem::path& records, const StudyRun& run);
/// The folder of records in a sweep's folder; and the committed one beside a study's file,
/// records/<its stem>.
std::filesystem::path records_of(const std::filesystem::path& sweep);
std::filesystem::path committed_records(const Study& study);

}  // namespace waiver
