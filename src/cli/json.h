#pragma once

#include "cli/verb.h"
#include "core/files/json.h"

namespace waiver {

/// `--json`, which prints one object and nothing else.
Option add_json(Verb& verb, bool& json);

/// The object on one line; bytes that are not UTF-8 become U+FFFD.
void print_json(const Json& json);

}  // namespace waiver
