#include "config/complaints.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "core/error.h"

namespace waiver {

void Complaints::add(const Place& place, const std::string& key, const std::string& what,
                     const std::string& hint) {
  const std::string where = key.empty() ? place.text() : place.text() + ": " + key;
  lines_.push_back({place, UsageError(where, what, hint).what()});
}

void Complaints::add(const Complaints& others) {
  lines_.insert(lines_.end(), others.lines_.begin(), others.lines_.end());
}

void Complaints::throw_if_any() const {
  if (lines_.empty()) return;
  std::vector<Line> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) {
    const auto order = [](const Place& p) {
      return std::tuple(p.line == 0, p.line == 0 ? "" : p.source, p.line, p.column);
    };
    return order(a.place) < order(b.place);
  });
  constexpr size_t kMost = 50;
  std::string text;
  std::set<std::string> told;
  for (const Line& line : sorted)
    if (told.insert(line.text).second && told.size() <= kMost)
      text += (text.empty() ? "" : "\n") + line.text;
  if (told.size() > kMost) text += fmt::format("\nAnd {} more.", told.size() - kMost);
  throw UsageError("", text);
}

}  // namespace waiver
