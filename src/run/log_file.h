#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/digest.h"
#include "core/files/hdf5.h"
#include "probe/series.h"

namespace waiver {

/// The log of a run, an HDF5 file:
///   /layer /head /position …   the axes: int64 0 … n − 1, dimension scales of the whole file
///   /GROUP/step                int64, increasing: the scale of the first axis of the group's
///   series /GROUP/NAME                a series, [step, axes …]; or fixed data, [axes …]
/// Series without further axes are float64, all others float32. Every axis has its scale and is
/// labelled with its name; data carries units, long_name, description and range; the root carries
/// format, format_version, config, the identity of the run, precision, and bfloat16_unit where that
/// is bfloat16: what multiplied its numbers, e.g. "AMX" or, after a resumption on another machine,
/// "AMX, AVX-512-BF16 from step 300". The HDF5 part is preceded by a block
/// of 512 bytes with a checksum of the rest, so that a damaged file is refused before it is parsed;
/// HDF5's readers skip it. The log lives in memory; `flush` writes the whole file in one step.
class Log {
 public:
  using Axes = std::map<std::string, int64_t>;  // e.g. {{"layer", 2}, {"head", 4}, …}
  using Numbers = std::variant<std::span<const float>, std::span<const double>>;
  using Row = std::vector<std::pair<std::string, Numbers>>;

  /// A new log, on disk from the first `flush` on. `config`: the resolved YAML; `identity`: of the
  /// run, or empty where there is none.
  static Log create(std::filesystem::path path, const Axes& axes, const std::string& config,
                    const std::string& identity = {});
  /// An existing log, to continue or to read. Throws Error where it is damaged or not a log. One
  /// that was written before logs had a checksum is read without that check.
  static Log open(std::filesystem::path path);
  /// Whether a file is one that this program wrote as a log.
  static bool is_log(const std::filesystem::path& path);

  /// Declares a series; an existing one must have the same axes. Throws Error for an axis that the
  /// log lacks, and where its group already has rows.
  void define(const SeriesSpec& spec);
  /// Adds one row to a group: an array of numbers for each of its series, in any order, row-major.
  /// Throws Error, and adds nothing, where a series is missing, unknown or of another size, or
  /// where `step` is not beyond the group's last.
  void append(const std::string& group, int64_t step, const Row& row);
  /// Drops the rows of all groups whose step is `step` or later.
  void shrink(int64_t step);
  /// Writes fixed data, replacing any of this name; spec.axes are all its axes.
  void set(const SeriesSpec& spec, std::span<const double> values);
  void set(const SeriesSpec& spec, std::span<const float> values);
  void set(const SeriesSpec& spec, std::span<const int64_t> values);
  void set(const SeriesSpec& spec, std::span<const std::string> values);
  /// Saves the log. The cost grows with the size of the log, so call it at intervals.
  void flush() const { file_.save(); }

  struct Data {
    std::vector<int64_t> shape;
    std::vector<double> values;
    /// Number `place` of every row of a series.
    std::vector<double> over_rows(int64_t place) const;
  };
  const std::filesystem::path& path() const { return file_.path(); }
  /// From now on it is flushed there.
  void set_path(std::filesystem::path path) { file_.set_path(std::move(path)); }
  bool has_checksum() const { return file_.sealed(); }
  std::string config() const { return attribute("config"); }
  /// A text about the whole log; empty where it has none of this name.
  std::string attribute(const std::string& name) const {
    return file_.has_attribute("/", name) ? file_.string_attribute("/", name) : "";
  }
  void set_attribute(const std::string& name, const std::string& text) {
    file_.set_attribute("/", name, text);
  }
  /// Of the run that wrote it; empty in logs from before runs had identities.
  std::string identity() const { return attribute("identity"); }
  /// SHA-256 of every row of step < `before` outside /timing: the names of the series, their steps
  /// and numbers. Two runs have the same digest only if they logged the same.
  std::string digest(int64_t before) const;
  const Axes& axes() const { return axes_; }
  std::vector<std::string> groups() const;
  /// The names of a group's data, without `step`; none where there is no such group.
  std::vector<std::string> names(const std::string& group) const;
  bool has(const std::string& group, const std::string& name) const;
  /// What `define` or `set` was given, except the range; the axes of a series begin with `step`.
  SeriesSpec spec(const std::string& group, const std::string& name) const;
  std::vector<int64_t> shape(const std::string& group, const std::string& name) const;
  H5File::Element element(const std::string& group, const std::string& name) const;
  /// The steps of a group's rows; none where it has no series.
  std::vector<int64_t> steps(const std::string& group) const;
  Data read(const std::string& group, const std::string& name) const;
  /// Rows begin … end − 1 of a series.
  Data read_rows(const std::string& group, const std::string& name, int64_t begin,
                 int64_t end) const;
  std::vector<std::string> strings(const std::string& group, const std::string& name) const;

 private:
  /// The series of one group, with the size of one row of each.
  struct Group {
    std::map<std::string, int64_t> row_sizes;
    int64_t rows = 0, last = 0;
  };
  explicit Log(H5File file) : file_(std::move(file)) {}
  void load();
  void add_series(Sha256& sum, const std::string& dataset, int64_t rows, int64_t row_size) const;
  void describe(const std::string& dataset, const SeriesSpec& spec, bool series);
  std::vector<int64_t> extents(const SeriesSpec& spec) const;
  Group& group_with_steps(const std::string& name);
  void check_row(const std::string& group, int64_t step, const Row& row) const;
  template <class T>
  void set_values(const SeriesSpec& spec, std::span<const T> values);

  H5File file_;
  Axes axes_;
  std::map<std::string, Group> series_;
};

}  // namespace waiver
