#include "run/selection.h"

#include <fmt/format.h>

#include <cmath>

namespace waiver {
namespace {

// The key of the newest row, by name.
std::string studied_key(const Log& log, int64_t position, int64_t role) {
  if (position >= 0) return fmt::format("position {}", position);
  if (log.has("mechanism", "key_name")) return log.strings("mechanism", "key_name").back();
  return log.strings("roles", "key_role_name").at(static_cast<size_t>(role));
}

}  // namespace

std::optional<Selection> selection_of(const Log& log) {
  const std::vector<int64_t> steps = log.steps("mechanism");
  const int64_t rows = std::ssize(steps);
  if (rows == 0) return {};
  const auto last = [&](const char* name) {
    return log.read_rows("mechanism", name, rows - 1, rows).values[0];
  };
  return Selection{steps.back(),
                   static_cast<SelectedBy>(std::lround(last("selected_by"))),
                   last("follows_encoding"),
                   last("follows_content"),
                   last("follows_both"),
                   studied_key(log, std::lround(last("position")), std::lround(last("key_role")))};
}

std::optional<Selection> newer(const std::optional<Selection>& a,
                               const std::optional<Selection>& b) {
  return !b || (a && a->step > b->step) ? a : b;
}

std::string selected_by_text(const Selection& s) {
  switch (s.by) {
    case SelectedBy::feature_distribution:
      return "features";
    case SelectedBy::mixed:
      break;
    default:
      return std::string(to_text(s.by));
  }
  const auto matters = [&](double alone, double other) {
    return alone > kFollow.none || s.both - other > kFollow.none;
  };
  const bool encoding = matters(s.encoding, s.content), content = matters(s.content, s.encoding);
  if (encoding == content) return "position encoding and features";
  return encoding ? "position encoding, in part" : "features, in part";
}

}  // namespace waiver
