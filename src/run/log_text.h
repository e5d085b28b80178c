#pragma once

#include <string>
#include <vector>

#include "core/files/json.h"
#include "run/log_slice.h"

namespace waiver {

/// Slices for people, a row per place along the first axis and blocks of columns that fit: those of
/// one column each share a table. Throws UsageError where that is more than anyone reads.
std::string to_text(const std::vector<LogSlice>& slices, int64_t width = 0);

/// `NAME[layer=1,head=0]` for each element of a row, or `GROUP/NAME[…]` where two share a name.
std::vector<std::string> column_names(const std::vector<LogSlice>& slices);

/// One table as CSV (RFC 4180): the first column is the first axis, the others are
/// column_names. Rows are those of all slices; a cell is empty where a slice lacks the row or is
/// NaN. Throws UsageError where the slices' first axes differ.
std::string to_csv(const std::vector<LogSlice>& slices);

/// {log, series: [{group, name, dims, coords: {AXIS: {dims, data}}, attrs: {units, long_name,
/// description}, data}]}, each as xarray.DataArray.from_dict takes it; null for NaN and infinity.
Json to_json(const Log& log, const std::vector<LogSlice>& slices);

}  // namespace waiver
