#pragma once

#include <string>

#include "config/yaml.h"

namespace waiver {

/// What a YAML file describes.
enum class Document { config, experiment, spec };
/// Throws UsageError where the file is one of the others, with the verb that it is for.
void require_document(const Node& top, const std::string& path, Document wanted);

}  // namespace waiver
