#pragma once

#include <string>

namespace waiver {

/// The series that stands for `name` (α, E, the sink rate) wherever sinks are looked for: that of
/// the proxy where a model's weights are no shares, or else itself. `has` says which series there
/// are.
template <class Has>
std::string as_shares(const std::string& name, const Has& has) {
  const std::string proxy = "proxy_" + name;
  return has(proxy) ? proxy : name;
}

}  // namespace waiver
