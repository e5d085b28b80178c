#pragma once

#include "cli/verb.h"
#include "core/files/json.h"

namespace waiver {

/// `--json`, which prints one object and nothing else.
Option add_json(Verb& verb, bool& json);

/// The object as by json_line.
void print_json(const Json& json);

}  // namespace waiver
