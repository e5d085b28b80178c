#include "cli/json.h"

#include "core/output.h"

namespace waiver {

Option add_json(Verb& verb, bool& json) {
  return verb.add("--json", json, "print one JSON object instead, with null for what is undefined");
}

void print_json(const Json& json) {
  print_result(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace waiver
