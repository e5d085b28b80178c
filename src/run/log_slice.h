#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/hdf5.h"
#include "probe/series.h"
#include "run/log_file.h"

namespace waiver {

/// What was chosen of one series, or of fixed data, of a log.
struct LogSlice {
  SeriesSpec spec;  // its axes, of a series with `step` as the first
  H5File::Element element = H5File::Element::float64;
  std::vector<std::vector<int64_t>> places;  // along each axis: the steps, or 0 … n − 1
  std::vector<double> numbers;               // row-major; empty where it holds text
  std::vector<std::string> texts;            // row-major; empty where it holds numbers

  std::string full_name() const { return spec.group + "/" + spec.name; }
  bool is_text() const { return element == H5File::Element::text; }
  bool is_undefined(size_t at) const;
  /// An element as text that reads back to the same number, the shortest such; `nan` for NaN. A
  /// text is as it is.
  std::string text(size_t at) const;
  /// How many rows it has, the places along its first axis; 1 without axes. And the elements of
  /// each.
  int64_t rows() const;
  int64_t row_size() const;
  /// The first axis; empty without axes.
  std::string row_axis() const;
  /// How many elements of a row lie between two neighbours along an axis.
  int64_t stride(size_t axis) const;
  /// `[layer=1,head=0,key=0]`: the places of element `at` of a row; `[layer=1,head,key=0]`, but for
  /// those along one axis.
  std::string place_text(int64_t at, size_t along = 0) const;
};

/// Reads what `request` names: GROUP/NAME, or NAME where only one group has it, then, in brackets,
/// what is taken along its axes: `probe/received_attention[layer=1,head=0,step=100-200]`. A range
/// includes both ends, `last` is the last; of steps, a range takes those that were logged. Throws
/// UsageError, with what there is or the nearest name, where the log lacks any of it.
LogSlice read_slice(const Log& log, const std::string& request);

/// The same of a whole series.
LogSlice read_slice(const Log& log, const std::string& group, const std::string& name);

}  // namespace waiver
