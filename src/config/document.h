#pragma once

#include <string>

#include "config/yaml.h"

namespace waiver {

/// What a YAML file describes.
enum class Document { config, experiment, spec };
/// Throws UsageError where the file is one of the other kinds, naming the verb that takes it.
void require_document(const Node& top, const std::string& path, Document wanted);

}  // namespace waiver
