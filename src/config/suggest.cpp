#include "config/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace fs = std::filesystem;

namespace waiver {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kLongest = 200;  // longer words are not close to any name
  if (std::max(a.size(), b.size()) > kLongest) return kLongest;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

size_t near_enough(std::string_view word) { return (word.size() + 2) / 3; }

std::string_view first_name(std::string_view path) { return path.substr(0, path.find('.')); }
std::string_view last_name(std::string_view path) { return path.substr(path.rfind('.') + 1); }
std::string_view parent(std::string_view path) {
  return path.substr(0, path.size() - last_name(path).size());
}

// The names with the lowest score, at most three.
class Nearest {
 public:
  void offer(std::string_view name, size_t score) {
    if (best_ && score > *best_) return;
    if (!best_ || score < *best_) names_.clear();
    best_ = score;
    if (std::find(names_.begin(), names_.end(), name) == names_.end() && names_.size() < 3)
      names_.emplace_back(name);
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::optional<size_t> best_;
  std::vector<std::string> names_;
};

}  // namespace

std::string join_or(const std::vector<std::string>& names, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? fmt::format(" {} ", last) : ", ") + names[i];
  return text;
}

std::string did_you_mean(const std::vector<std::string>& names) {
  return names.empty() ? "" : "Did you mean " + join_or(names) + "?";
}

std::vector<std::string> nearest_names(std::span<const Choice> choices, std::string_view word) {
  Nearest nearest;
  const auto offer = [&](std::string_view name) {
    const size_t distance = edit_distance(word, name);
    if (distance <= near_enough(word)) nearest.offer(name, distance);
  };
  for (const Choice& choice : choices) {
    offer(choice.name);
    if (!choice.alias.empty()) offer(choice.alias);
  }
  return nearest.names();
}

std::string nearest_choice(std::span<const Choice> choices, std::string_view word) {
  return did_you_mean(nearest_names(choices, word));
}

std::string nearest_key(std::span<const KeyInfo> keys, const std::string& path) {
  Nearest nearest;
  for (const KeyInfo& key : keys) {
    const bool sibling = parent(key.name) == parent(path);
    const size_t distance = edit_distance(last_name(path), last_name(key.name));
    if (distance > (sibling ? near_enough(last_name(path)) : 0)) continue;
    const size_t apart = sibling ? 0 : first_name(key.name) == first_name(path) ? 1 : 2;
    nearest.offer(key.name, 3 * distance + apart);
  }
  return did_you_mean(nearest.names());
}

std::string nearest_path(const std::string& path) {
  const fs::path given = fs::path(path).lexically_normal();
  const fs::path folder = given.parent_path();
  const std::vector<std::string> names = names_in(folder.empty() ? "." : folder);
  std::vector<Choice> choices;
  for (const std::string& name : names) choices.push_back({name, ""});
  // Perhaps only the name was given, or the name without its extension.
  std::vector<std::string> near;
  for (const std::string& name : names)
    if (fs::path(name).stem() == given.filename() || fs::path(name).stem() == given.stem())
      near.push_back(name);
  if (near.empty() || near.size() > 3) near = nearest_names(choices, given.filename().string());
  for (std::string& name : near) name = (folder / name).string();
  return did_you_mean(near);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
    names.push_back(at->path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace waiver
