#include "probe/roles.h"

namespace waiver {

std::vector<std::string> query_role_names(const Dataset& data) {
  std::vector<std::string> names = {"all"};
  if (const std::vector<std::string> roles = data.query_roles(); roles.size() > 1)
    names.insert(names.end(), roles.begin(), roles.end());
  return names;
}

bool has_roles(const Dataset& data) {
  return data.query_roles().size() > 1 || data.key_roles().size() > 2;
}

}  // namespace waiver
