#pragma once

#include <string>

#include "experiment/yaml.h"

namespace waiver {

// What was likely meant where something else was given than a verb wants.

/// `Did you mean configs/masks.yaml?`: the nearest names in the folder where `path` should lie; or
/// nothing.
std::string nearest_path(const std::string& path);

/// What to do with a folder where the file of a config was wanted; or nothing.
std::string hint_for_folder(const std::string& folder);

/// What a YAML file describes.
enum class Document { config, experiment, spec };
/// Throws UsageError where the file is one of the others, with the verb that it is for.
void require_document(const Node& top, const std::string& path, Document wanted);

/// Throws UsageError, with the right way, where `path` can be neither a run nor a checkpoint: a
/// sweep, a config, a checkpoint's file, or nothing. `verb` is what it was given to.
void require_run(const std::string& path, const std::string& verb);

}  // namespace waiver
