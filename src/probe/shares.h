#pragma once

#include <string>

namespace waiver {

/// The series to use for `name` (α, E, the sink rate) wherever sinks are sought: that of the proxy
/// where a model's weights are not shares, otherwise the series itself. `has` says which series
/// exist.
template <class Has>
std::string as_shares(const std::string& name, const Has& has) {
  const std::string proxy = "proxy_" + name;
  return has(proxy) ? proxy : name;
}

}  // namespace waiver
