#include "probe/mechanism/key.h"

#include <algorithm>

namespace waiver {

std::vector<PositionNames> names_of(const std::vector<std::pair<std::string, Key>>& keys) {
  if (keys.empty()) return {{}};
  const bool same = std::ranges::all_of(keys, [](const auto& k) { return k.second.is_position(); });
  std::vector<PositionNames> out(same ? 1 : keys.front().second.at.size());
  for (size_t b = 0; b < out.size(); ++b)
    for (const auto& [name, key] : keys) out[b][name] = key.at[b];
  return out;
}

}  // namespace waiver
