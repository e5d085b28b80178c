#include "config/overrides.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/suggest.h"
#include "core/error.h"

namespace waiver {
namespace {

using Words = std::span<const std::string>;

using Keys = std::span<const KeyInfo>;

bool is_key(std::string_view word, Keys keys) {
  if (word.ends_with(".kind")) word.remove_suffix(5);
  return std::ranges::any_of(keys, [&](const KeyInfo& key) { return key.name == word; });
}

// How many brackets a text opens without closing them; those within quotes do not count.
int open_brackets(std::string_view text) {
  int open = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else {
      open += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
  }
  return open;
}

// The words that belong together because a bracket is open, joined.
std::string joined(Words words) {
  std::string text = words[0];
  for (size_t i = 1; i < words.size() && open_brackets(text) > 0; ++i) text += " " + words[i];
  return text;
}

std::string without_dashes(std::string word) {
  word.erase(0, word.find_first_not_of('-'));
  return word;
}

// `key=value` for a key whose value is in the next word or after a colon; or nothing.
std::string guess(Words words, Keys keys) {
  std::string text = without_dashes(words[0]);
  const size_t sign = text.find_first_of("=:");
  const std::string key = text.substr(0, sign);
  std::string value = sign == text.npos ? "" : text.substr(sign + 1);
  if (value.empty() && words.size() > 1) value = words[1];
  if (value == "=" && words.size() > 2) value = words[2];
  value.erase(0, std::min(value.find_first_not_of("= "), value.size()));
  if (!is_key(key, keys) || value.empty() || value.find('=') != value.npos) return "";
  return fmt::format("{}={}", key, value);
}

}  // namespace

void check_override(Words words, const Place& place, Keys keys) {
  const std::string& text = words[0];
  const size_t equals = text.find('=');
  if (equals != text.npos && open_brackets(text) > 0 && words.size() > 1)
    if (const std::string whole = joined(words); open_brackets(whole) == 0)
      throw UsageError(place.text(), "the shell split this value at a space",
                       fmt::format("Quote it: '{}'.", whole));
  const std::string key = text.substr(0, equals);
  const bool gap = key.empty() || key.front() == '.' || key.back() == '.' ||
                   key.find("..") != key.npos || key.find_first_of(" :") != key.npos ||
                   key.front() == '-';
  const bool parted = equals + 1 == text.size() && words.size() > 1 && !guess(words, keys).empty();
  if (equals != text.npos && !gap && !parted) return;
  const std::string meant = guess(words, keys);
  std::string hint = meant.empty() ? "" : fmt::format("Did you mean {}?", meant);
  if (hint.empty() && equals == text.npos && !is_key(text, keys)) hint = nearest_key(keys, text);
  throw UsageError(place.text(), "expected key.path=value",
                   hint.empty() ? "For example model.position.kind=rope." : hint);
}

}  // namespace waiver
