#pragma once

#include <string>

namespace waiver {

/// Throws UsageError, saying what to do with it, where a verb takes a YAML file and `path` is the
/// folder of a run, a sweep or a checkpoint.
void require_file(const std::string& path);

/// Throws UsageError, with a remedy, where `path` can be neither a run nor a checkpoint: a sweep, a
/// config, a checkpoint's file, or nothing. `verb`: the verb it was given to.
void require_run(const std::string& path, const std::string& verb);

}  // namespace waiver
