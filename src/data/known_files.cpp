#include "data/known_files.h"

#include <algorithm>

namespace waiver {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes, name;
};
constexpr Magic kMagic[] = {
    {"\x88\xd8\x34\x01"sv, "a token file of llm.c, with a header"},
    {"\xa1\xd9\x34\x01"sv, "a token file of llm.c, with a header"},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
    {"PK\x03\x04"sv, "a zip archive, as .npz and .pt files are"},
    {"\x28\xb5\x2f\xfd"sv, "compressed (zstd)"},
    {"\xfd\x37zXZ\x00"sv, "compressed (xz)"},
    {"BZh91AY&SY"sv, "compressed (bzip2)"},
    {"\x89PNG\r\n\x1a\n"sv, "a PNG image"},
    {"PAR1"sv, "a Parquet file"},
    {"ARROW1"sv, "an Arrow file"},
    {"MMIDIDX\x00"sv, "the index of a Megatron data set, not its tokens"},
    {"GGUF"sv, "a GGUF file"},
    {"SQLite format 3\x00"sv, "an SQLite database"},
};

// 1f 8b 08, flags below 32, a time stamp, the compression level, and the operating system.
bool is_gzip(std::string_view b) {
  return b.starts_with("\x1f\x8b\x08"sv) && b.size() >= 18 &&
         static_cast<unsigned char>(b[3]) < 32 && "\x00\x02\x04"sv.find(b[8]) != b.npos &&
         (static_cast<unsigned char>(b[9]) < 14 || b[9] == '\xff');
}

// Protocols 2 … 5 of Python, which end with a full stop; 4 and 5 begin with a frame.
bool is_pickle(std::string_view b) {
  if (b.size() < 16 || b[0] != '\x80' || b.back() != '.') return false;
  if (b[1] == '\x02' || b[1] == '\x03') return "]}(cXK"sv.find(b[2]) != b.npos;
  return (b[1] == '\x04' || b[1] == '\x05') && b[2] == '\x95' &&
         little_endian(b.substr(3, 8)) <= b.size() - 11;
}

// The length of a JSON header, and that header.
bool is_safetensors(std::string_view b) {
  return b.size() >= 10 && b[8] == '{' && little_endian(b.substr(0, 8)) <= b.size() - 8 &&
         "} "sv.find(b[7 + little_endian(b.substr(0, 8))]) != b.npos;
}

// Binary token ids soon contain bytes that no text has.
bool is_text(std::string_view b) {
  constexpr size_t enough = 64, most = 4096;
  b = b.substr(0, most);
  return b.size() >= enough && std::ranges::all_of(b, [](unsigned char c) {
           return (c >= 0x20 && c != 0x7f) ||
                  "\t\n\v\f\r"sv.find(static_cast<char>(c)) != ""sv.npos;
         });
}

}  // namespace

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string_view known_file(std::string_view bytes) {
  for (const Magic& magic : kMagic)
    if (bytes.starts_with(magic.bytes)) return magic.name;
  if (is_gzip(bytes)) return "compressed (gzip)";
  if (is_pickle(bytes)) return "a Python pickle";
  if (is_safetensors(bytes)) return "a safetensors file";
  return is_text(bytes) ? "text" : std::string_view();
}

}  // namespace waiver
