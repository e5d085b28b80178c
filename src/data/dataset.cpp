#include "data/dataset.h"

#include "core/error.h"
#include "data/registry.h"

namespace waiver {

std::string_view split_name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::probe:
      return "probe";
  }
  return "";
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
      throw UsageError("prompt", "'" + word + "' is not a token id",
                       "This data has ids 0 … " + std::to_string(vocabulary() - 1) +
                           ", written with spaces between them.");
    tokens.push_back(static_cast<int32_t>(id));
  }
  return tokens;
}

template <>
std::span<const Registered<Dataset>> registry<Dataset>() {
  static constexpr Registered<Dataset> datasets[] = {
      {"bigram_backcopy",
       "characters of tiny Shakespeare by their bigrams; a trigger is followed by a copy of the "
       "token before it (Guo et al., 2410.13835)",
       make_bigram_backcopy},
      {"bigram_backcopy_random", "the same task over a random bigram table, without a corpus",
       make_bigram_backcopy_random},
      {"text", "a text file, by bytes or by characters", make_text},
      {"tokens", "token files as nanoGPT writes them: uint16, little endian, no header",
       make_tokens},
  };
  return datasets;
}

}  // namespace waiver
