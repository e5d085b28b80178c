#pragma once

#include <optional>
#include <string>

#include "config/yaml.h"

namespace waiver {

/// What a YAML file describes.
enum class Document { config, experiment, spec };
/// What a file is by the keys that only such a file has; none where it has no such key.
std::optional<Document> document_of(const Node& top);
/// Throws UsageError where the file is one of the other kinds, naming the verb that takes it;
/// `where`: the place that names the file, if another file does.
void require_document(const Node& top, const std::string& path, Document wanted,
                      const std::string& where = {});

}  // namespace waiver
