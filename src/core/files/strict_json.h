#pragma once

#include <string>
#include <string_view>

#include "core/files/json.h"

namespace waiver {

/// JSON that others wrote, read without guessing and in time linear in its length. Throws Error,
/// with `where` for the file, for text that is not UTF-8 or not JSON (with line and column), for
/// numbers beyond a double's range, for a key that an object has twice, and for values nested
/// deeper than `deepest`.
Json parse_strict_json(const std::string& where, std::string_view text, size_t deepest);

}  // namespace waiver
