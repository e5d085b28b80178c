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

/// The token ids in the bytes of a file:
///   NumPy's .npy, one axis of integers, little-endian, of any width;
///   else, without a header, little-endian numbers of `format`: uint16 | uint32.
/// Throws UsageError about `key` where the file is truncated or of another known format (llm.c,
/// HDF5, zip, …, text), where its numbers look twice as wide as stated, and where an id is not
/// below `vocabulary`.
std::vector<int32_t> parse_tokens(const std::string& key, const std::string& path,
                                  std::string_view bytes, TokenFormat format, int64_t vocabulary);

}  // namespace waiver
