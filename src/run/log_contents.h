#pragma once

#include <string>

#include "core/files/json.h"
#include "run/log_file.h"

namespace waiver {

/// What a log holds, for people: by group, every series and fixed data with its axes, unit and
/// meaning. Fitted to `width` as by Table's to_text.
std::string log_contents(const Log& log, int64_t width = 0);
/// The same as CSV: group, name, axes, shape, units, long_name, description.
std::string log_contents_csv(const Log& log);
/// The same as {log, axes: {NAME: size}, series: [{group, name, axes, shape, units, long_name,
/// description}]}.
Json log_contents_json(const Log& log);

}  // namespace waiver
