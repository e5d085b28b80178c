#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/fields.h"

namespace waiver {

/// The number format of a token file without a header.
enum class TokenFormat { uint16, uint32 };
std::span<const Choice> words(TokenFormat);

/// The tokens of a file: one stream, or sequences of `length` tokens each.
struct TokenArray {
  std::vector<int32_t> ids;
  int64_t length = 0;  // 0: one stream

  /// How many sequences there are. REQUIRES: it is not one stream.
  int64_t sequences() const { return std::ssize(ids) / length; }
};

/// The token ids in the bytes of a file:
///   NumPy's .npy, one axis of integers or two, [sequences, length], little-endian, of any width;
///   else, without a header, little-endian numbers of `format`: uint16 | uint32.
/// Throws UsageError about `key` where the file is truncated or of another known format (llm.c,
/// HDF5, zip, …, text), where its numbers look twice as wide as stated, and where an id is not
/// below `vocabulary`.
TokenArray parse_tokens(const std::string& key, const std::string& path, std::string_view bytes,
                        TokenFormat format, int64_t vocabulary);

}  // namespace waiver
