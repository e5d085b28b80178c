#include "cli/json.h"

#include "core/output.h"

namespace waiver {

Option add_json(Verb& verb, bool& json) {
  return verb.add("--json", json, "print one JSON object instead, with null for what is undefined");
}

void print_json(const Json& json) { print_result(json_line(json)); }

}  // namespace waiver
