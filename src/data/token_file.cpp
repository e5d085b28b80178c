#include "data/token_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/stop.h"
#include "data/known_files.h"

namespace waiver {

std::span<const Choice> words(TokenFormat) {
  static constexpr Choice all[] = {
      {"uint16", "2 bytes a token, little-endian, as nanoGPT's prepare scripts write them"},
      {"uint32", "4 bytes a token, little-endian, for ids above 65,535"}};
  return all;
}

namespace {

using namespace std::string_view_literals;

constexpr char kFormats[] =
    "Token files are .npy arrays of integers, or without a header raw uint16 or uint32 numbers "
    "(data.format).";
constexpr char kNpy[] = "A .npy file says itself what its numbers are: numpy.save(path, ids).";

/// One file of tokens.
class TokenFile {
 public:
  TokenFile(const std::string& key, const std::string& path, int64_t vocabulary)
      : key_(key), path_(path), vocabulary_(vocabulary), of_config_(key.starts_with("data.")) {}

  TokenArray parse(std::string_view bytes, TokenFormat format) const {
    if (bytes.starts_with("\x93NUMPY"sv)) return parse_npy(bytes);
    if (const std::string_view kind = known_file(bytes); !kind.empty())
      refuse(fmt::format("is {}", kind), hint_for(kind));
    return {parse_raw(bytes, format)};
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
    throw UsageError(key_, fmt::format("the file {} {}", path_, what), hint);
  }

  // What to do, where that is up to the data's config.
  const char* in_config(const char* hint) const { return of_config_ ? hint : kNpy; }

  const char* hint_for(std::string_view kind) const {
    if (kind == "text")
      return of_config_ ? "For text there is data.kind: text."
                        : "scripts/make_tokens.py turns text into ids.";
    if (kind.find("llm.c") == kind.npos) return in_config(kFormats);
    if (!of_config_) return kNpy;
    return "`tail -c +1025 FILE` prints what follows its header; data.format says how wide those "
           "numbers are: uint16, or uint32 for Llama 3.";
  }

  template <class T>
  std::vector<int32_t> read(std::string_view bytes) const {
    std::vector<int32_t> tokens(bytes.size() / sizeof(T));
    for (size_t i = 0; i < tokens.size(); ++i) {
      check_stop();
      T id;
      std::memcpy(&id, bytes.data() + i * sizeof(T), sizeof(T));
      if (std::cmp_less(id, 0) || std::cmp_greater_equal(id, vocabulary_))
        refuse(fmt::format("does not fit: token {} is {}, {} {}{}", i, id,
                           std::cmp_less(id, 0) ? "below 0, not in" : "beyond",
                           of_config_ ? "data.vocabulary = " : "the vocabulary of ", vocabulary_),
               fmt::format("Ids are 0 … {}.", vocabulary_ - 1));
      tokens[i] = static_cast<int32_t>(id);
    }
    return tokens;
  }

  TokenArray parse_npy(std::string_view bytes) const {
    const Npy array = read_npy_header(bytes);
    constexpr char cure[] = "In Python: numpy.save(path, ids.astype('<u4').reshape(-1)).";
    if (array.descr.starts_with(">"))
      refuse(fmt::format("has big-endian numbers ({})", array.descr), cure);
    if (array.fortran) refuse("is in Fortran order", cure);
    if (array.extents.empty() || array.extents.size() > 2)
      refuse(fmt::format("has {} axes, where tokens have one, or two: [sequences, length]",
                         array.extents.size()),
             cure);
    const auto type = std::ranges::find(kTypes, array.type(), &Type::name);
    if (type == std::end(kTypes))
      refuse(fmt::format("has {}, which are not token ids", array.numbers()), cure);
    const std::string_view numbers = bytes.substr(array.begin);
    if (numbers.size() % type->width != 0 || !array.holds(numbers.size() / type->width))
      refuse(fmt::format("has {} bytes after its header, which declares {} numbers of {}",
                         numbers.size(), fmt::join(array.extents, " × "), type->width),
             "It is truncated or damaged.");
    const uint64_t length = array.extents.size() == 2 ? array.extents.back() : 0;
    return {(this->*type->read)(numbers), static_cast<int64_t>(length)};
  }

  /// What the header of a .npy file says about its array.
  struct Npy {
    size_t begin = 0;  // of the numbers
    std::string descr;
    bool fortran = false;
    std::vector<uint64_t> extents;

    /// Whether its extents multiply to this.
    bool holds(uint64_t count) const {
      const uint64_t last = extents.back();
      return extents.size() == 1 ? count == last
                                 : last > 0 && count % last == 0 && count / last == extents[0];
    }

    std::string_view type() const { return std::string_view(descr).substr(descr.empty() ? 0 : 1); }
    std::string numbers() const {
      const bool plain = descr.size() < 8 && std::ranges::all_of(descr, [](unsigned char c) {
                           return c > 0x20 && c < 0x7f;
                         });
      return descr.empty() || !plain ? "records" : "numbers of type " + descr;
    }
  };

  // \x93NUMPY, the version's two bytes, the length in 2 bytes (version 1) or 4, a Python dict:
  // {'descr': '<u2', 'fortran_order': False, 'shape': (1000,), }
  Npy read_npy_header(std::string_view bytes) const {
    const size_t length = bytes.size() > 6 && bytes[6] == '\x01' ? 2 : 4;
    const size_t dict = 8 + length;
    if (bytes.size() < dict || little_endian(bytes.substr(8, length)) > bytes.size() - dict)
      refuse("ends within its .npy header", "It is truncated or damaged.");
    const std::string_view header = bytes.substr(dict, little_endian(bytes.substr(8, length)));
    Npy out;
    out.begin = dict + header.size();
    out.descr = value_of(header, "'descr'", '\'', '\'');
    out.fortran = header.find("'fortran_order': True") != header.npos;
    std::string_view shape = value_of(header, "'shape'", '(', ')');
    while (!shape.empty()) {
      uint64_t& extent = out.extents.emplace_back();
      const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
      if (error != std::errc{}) refuse("has a .npy header without a shape", in_config(kFormats));
      shape.remove_prefix(end - shape.data());
      shape.remove_prefix(std::min(shape.find_first_not_of(", "), shape.size()));
    }
    return out;
  }

  // The text between `open` and `close` after a key.
  static std::string_view value_of(std::string_view header, std::string_view key, char open,
                                   char close) {
    const size_t at = header.find(key);
    if (at == header.npos) return {};
    const size_t begin = header.find_first_not_of(": ", at + key.size());
    if (begin == header.npos || header[begin] != open) return {};
    const size_t end = header.find(close, begin + 1);
    return end == header.npos ? std::string_view() : header.substr(begin + 1, end - begin - 1);
  }

  std::vector<int32_t> parse_raw(std::string_view bytes, TokenFormat format) const {
    const bool wide = format == TokenFormat::uint32;
    const size_t width = wide ? 4 : 2;
    if (!wide && vocabulary_ > 65536)
      throw UsageError(
          "data.format",
          fmt::format("uint16 has no ids above 65535, but data.vocabulary is {}", vocabulary_),
          "Write format: uint32, or give .npy files.");
    if (bytes.size() % width != 0)
      refuse(fmt::format("does not fit: its {} bytes are not a whole number of {} tokens",
                         bytes.size(), word(format)),
             in_config(kFormats));
    if (looks_twice_as_wide(bytes, width))
      refuse(fmt::format("has 0 at every second place, so its numbers have {} bytes, not {}",
                         2 * width, width),
             in_config(wide ? kFormats
                            : "Write data.format: uint32. If these zeros are intended, give a "
                              ".npy file."));
    return wide ? read<uint32_t>(bytes) : read<uint16_t>(bytes);
  }

  static bool looks_twice_as_wide(std::string_view bytes, size_t width) {
    constexpr size_t enough = 8;
    if (bytes.size() % (2 * width) != 0 || bytes.size() < enough * 2 * width) return false;
    bool all_zero = true;
    for (size_t at = 0; at < bytes.size(); at += 2 * width) {
      check_stop();
      if (little_endian(bytes.substr(at + width, width)) != 0) return false;
      all_zero &= little_endian(bytes.substr(at, width)) == 0;
    }
    return !all_zero;
  }

  struct Type {
    std::string_view name;
    size_t width;
    std::vector<int32_t> (TokenFile::*read)(std::string_view) const;
  };
  static const Type kTypes[8];

  const std::string& key_;
  const std::string& path_;
  int64_t vocabulary_;
  bool of_config_;  // whether the file is named by a key of the config
};

const TokenFile::Type TokenFile::kTypes[8] = {
    {"u1", 1, &TokenFile::read<uint8_t>},  {"u2", 2, &TokenFile::read<uint16_t>},
    {"u4", 4, &TokenFile::read<uint32_t>}, {"u8", 8, &TokenFile::read<uint64_t>},
    {"i1", 1, &TokenFile::read<int8_t>},   {"i2", 2, &TokenFile::read<int16_t>},
    {"i4", 4, &TokenFile::read<int32_t>},  {"i8", 8, &TokenFile::read<int64_t>}};

}  // namespace

TokenArray parse_tokens(const std::string& key, const std::string& path, std::string_view bytes,
                        TokenFormat format, int64_t vocabulary) {
  return TokenFile(key, path, vocabulary).parse(bytes, format);
}

}  // namespace waiver
