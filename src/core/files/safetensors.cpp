#include "core/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/bfloat16.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/float16.h"

namespace waiver {
namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

constexpr int64_t kLengthBytes = 8;
constexpr int64_t kLongestHeader = 100000000;  // as the format's own reader has it
constexpr char kMetadata[] = "__metadata__";

std::vector<int64_t> dims_of(const Shape& shape) { return {shape.dims, shape.dims + shape.rank}; }

std::string header_text(const fs::path& path, const std::vector<NamedTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header;
  header[kMetadata] = metadata;
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const size_t end = at + tensor.shape.size() * sizeof(float);
    header[name] = {
        {"dtype", "F32"}, {"shape", dims_of(tensor.shape)}, {"data_offsets", {at, end}}};
    at = end;
  }
  try {
    std::string text = json_text(header);
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const Json::exception& error) {
    throw Error(path.string(), std::string("a name or a text is not UTF-8: ") + error.what());
  }
}

}  // namespace

std::string safetensors_bytes(const fs::path& path, const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(path, tensors, metadata);
  const uint64_t length = header.size();
  size_t size = kLengthBytes + header.size();
  for (const auto& [name, tensor] : tensors) size += tensor.size() * sizeof(float);
  std::string bytes;
  bytes.reserve(size);
  bytes.append(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes += header;
  for (const auto& [name, tensor] : tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.data), tensor.size() * sizeof(float));
  return bytes;
}

void write_safetensors(const fs::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_atomically(path, safetensors_bytes(path, tensors, metadata));
}

Safetensors Safetensors::open(const fs::path& path) { return {path, InputFile(path)}; }

Safetensors Safetensors::parse(const fs::path& path, std::string bytes) {
  return {path, std::move(bytes)};
}

Safetensors::Safetensors(fs::path path, Source source)
    : path_(std::move(path)), source_(std::move(source)) {
  const int64_t size = source_size();
  if (size < kLengthBytes)
    refuse_safetensors(path_.string(), "a safetensors file has at least 8 bytes");
  uint64_t length = 0;
  read_bytes(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > static_cast<uint64_t>(size - kLengthBytes))
    refuse_safetensors(path_.string(),
                       fmt::format("its safetensors header should have {} bytes, but the file has "
                                   "{}",
                                   length, size));
  if (length > kLongestHeader)
    refuse_safetensors(path_.string(), fmt::format("its safetensors header has {} bytes; the "
                                                   "format allows {}",
                                                   length, kLongestHeader));
  std::string json(length, '\0');
  read_bytes(kLengthBytes, std::as_writable_bytes(std::span(json)));
  arrays_ = kLengthBytes + static_cast<int64_t>(length);
  header_ = parse_safetensors_header(path_, json, size - arrays_);
}

int64_t Safetensors::source_size() const {
  return std::visit([](const auto& source) { return static_cast<int64_t>(source.size()); },
                    source_);
}

void Safetensors::read_bytes(int64_t begin, std::span<std::byte> out) const {
  if (const auto* file = std::get_if<InputFile>(&source_)) return file->read(begin, out);
  if (!out.empty())
    std::memcpy(out.data(), std::get<std::string>(source_).data() + begin, out.size());
}

const Safetensors::Entry* Safetensors::find(std::string_view name) const {
  const auto it = std::ranges::find(entries(), name, &Entry::name);
  return it == entries().end() ? nullptr : &*it;
}

template <class Half>
void Safetensors::copy_halves(const Entry& entry, float* out, int64_t count) const {
  constexpr int64_t most = 1 << 14;
  Half halves[most];
  for (int64_t at = 0; at < count; at += most) {
    const int64_t n = std::min(most, count - at);
    read_bytes(arrays_ + entry.begin + at * static_cast<int64_t>(sizeof(Half)),
               std::as_writable_bytes(std::span(halves, static_cast<size_t>(n))));
    for (int64_t i = 0; i < n; ++i) out[at + i] = static_cast<float>(halves[i]);
  }
}

void Safetensors::copy(const Entry& entry, float* out, int64_t count) const {
  if (!entry.readable())
    throw Error(path_.string() + ", tensor " + entry.name,
                "its numbers are " + entry.dtype + "; only F32, F16 and BF16 can be read");
  if (entry.dtype == "F16") return copy_halves<float16>(entry, out, count);
  if (entry.dtype == "BF16") return copy_halves<bfloat16>(entry, out, count);
  read_bytes(arrays_ + entry.begin,
             std::as_writable_bytes(std::span(out, static_cast<size_t>(count))));
}

std::vector<float> Safetensors::read(const Entry& entry) const {
  std::vector<float> out(static_cast<size_t>(entry.shape.size()));
  copy(entry, out.data());
  return out;
}

}  // namespace waiver
