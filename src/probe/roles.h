#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace waiver {

/// The entries of the axis `query_role`: all queries, then those of each role, where the data
/// tells several apart.
std::vector<std::string> query_role_names(const Dataset& data);
/// The entries of the axis `key_role`.
inline std::vector<std::string> key_role_names(const Dataset& data) { return data.key_roles(); }
/// Whether the data tells more about its tokens than which one comes first.
bool has_roles(const Dataset& data);

/// Calls f with the entries of the axis `query_role`, of which there are `count`, that hold a query
/// of this role.
template <class F>
void for_entries_of(int64_t role, int64_t count, const F& f) {
  f(int64_t{0});
  if (count > 1) f(1 + role);
}

}  // namespace waiver
