#pragma once

#include <string>
#include <vector>

#include "core/files/json.h"
#include "run/log_slice.h"

namespace waiver {

/// What a log holds, for people: by group, every series and fixed data with its axes, unit and
/// meaning. Fitted to `width` as by Table's to_text.
std::string log_contents(const Log& log, int64_t width = 0);
/// The same as CSV: group, name, axes, shape, units, long_name, description.
std::string log_contents_csv(const Log& log);
/// The same as {log, axes: {NAME: size}, series: [{group, name, axes, shape, units, long_name,
/// description}]}.
Json log_contents_json(const Log& log);

/// Slices for people, a row per place along the first axis and blocks of columns that fit: those of
/// one column each share a table. Throws UsageError where that is more than anyone reads.
std::string to_text(const std::vector<LogSlice>& slices, int64_t width = 0);

/// One table as CSV (RFC 4180): the first column is the first axis, then there is one for each
/// element of a row, `NAME[layer=1,head=0]`, or `GROUP/NAME[…]` where two slices share a name. Rows
/// are those of all slices; a cell is empty where a slice lacks the row or is NaN. Throws
/// UsageError where the slices' first axes differ.
std::string to_csv(const std::vector<LogSlice>& slices);

/// {log, series: [{group, name, dims, coords: {AXIS: {dims, data}}, attrs: {units, long_name,
/// description}, data}]}, each as xarray.DataArray.from_dict takes it; null for NaN and infinity.
Json to_json(const Log& log, const std::vector<LogSlice>& slices);

}  // namespace waiver
