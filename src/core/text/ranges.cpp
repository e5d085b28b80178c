#include "core/text/ranges.h"

namespace waiver {

std::string ranges_text(const std::set<int64_t>& numbers) {
  std::string text;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const int64_t from = *at;
    int64_t to = from;
    while (++at != numbers.end() && *at == to + 1) ++to;
    text += (text.empty() ? "" : ", ") + std::to_string(from);
    if (to > from) text += "–" + std::to_string(to);
  }
  return text;
}

}  // namespace waiver
