#pragma once

#include <string>

#include "core/files/json.h"
#include "inspect/saved.h"
#include "probe/probe_batch.h"
#include "run/log_file.h"

namespace waiver {

/// Whether a probe keeps attention maps, as a row of /snapshot.
enum class Maps { omit, keep };

/// Measures every metric on a trained model, as one row of /probe at its step, and the first probe
/// sequence's tokens. The log is not on disk until it is flushed to `path`.
Log probe_saved(const SavedModel& saved, const ProbeTokens& tokens,
                const std::filesystem::path& path, Maps maps = Maps::omit);

/// A token as a table shows it: on one line, and shortened where it is long.
std::string token_cell(const std::string& text);

/// The waiver elements of the last row of /probe, each in its own sequence: the first position and
/// every other token that is one somewhere, by how many sequences have it; in which layers, in how
/// many heads at once, and what it shows there.
std::string element_table(const Log& log, int64_t width = 0);

/// All of them, as [{token, sequences, layers: […], heads, attention, value_ratio, residual_ratio,
/// cosine}], medians; the token is null for the first position.
Json elements_json(const Log& log);

/// The last row of /probe for people: for every head its strongest key and the verdict on it; for
/// every layer what stands out in the residual stream; waiver elements by token; losses. Fitted to
/// `width` as by Table's to_text.
std::string probe_report(const Log& log, int64_t width = 0);

}  // namespace waiver
