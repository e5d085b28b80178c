#include "data/dataset.h"

#include <algorithm>

#include "core/error.h"
#include "core/padding.h"

namespace waiver {

int64_t count_targets(std::span<const int32_t> targets) {
  return std::count_if(targets.begin(), targets.end(), [](int32_t y) { return y >= 0; });
}

bool TokenRange::contains(int32_t token) const {
  return begin <= token && token < end && !std::ranges::binary_search(except, token);
}

int32_t TokenRange::operator()(double u) const {
  const auto count = static_cast<double>(end - begin - std::ssize(except));
  int32_t token = begin + static_cast<int32_t>(u * count);
  for (const int32_t other : except) token += other <= token;
  return token;
}

int64_t Dataset::length(const int32_t* inputs, int64_t T) const {
  return length_without(padding(), inputs, T);
}

std::vector<int32_t> Dataset::encode(std::string_view text) const {
  std::vector<int32_t> tokens;
  for (size_t at = 0; at < text.size();) {
    const size_t space = std::min(text.find(' ', at), text.size());
    const std::string word(text.substr(at, space - at));
    at = space + 1;
    if (word.empty()) continue;
    size_t used = 0;
    int64_t id = -1;
    try {
      id = std::stoll(word, &used);
    } catch (const std::exception&) {
    }
    if (used != word.size() || id < 0 || id >= vocabulary())
      throw UsageError(
          "prompt", "'" + word + "' is not a token id",
          "This data has ids 0 … " + std::to_string(vocabulary() - 1) + ", separated by spaces.");
    tokens.push_back(static_cast<int32_t>(id));
  }
  return tokens;
}

}  // namespace waiver
