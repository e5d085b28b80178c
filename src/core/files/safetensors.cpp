#include "core/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"

namespace waiver {
namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

constexpr size_t kLengthBytes = 8;
constexpr char kMetadata[] = "__metadata__";

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
  throw Error(path.string(), what, "It may be truncated, damaged or of another format.");
}

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

Json parse_header(const fs::path& path, const std::string& bytes, size_t& arrays) {
  uint64_t length = 0;
  if (bytes.size() < kLengthBytes) refuse(path, "a safetensors file has at least 8 bytes");
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > bytes.size() - kLengthBytes)
    refuse(path, fmt::format("its safetensors header should have {} bytes, but the file has {}",
                             length, bytes.size()));
  arrays = kLengthBytes + length;
  // Deeper headers are not of this format, and printing or copying them would exhaust the stack.
  constexpr int kDeepest = 4;
  Json header = parse_json(std::string_view(bytes).substr(kLengthBytes, length), kDeepest);
  if (!header.is_object()) refuse(path, "its safetensors header is not a JSON object");
  return header;
}

bool all_counts(const Json& list) {
  return list.is_array() &&
         std::all_of(list.begin(), list.end(), [](auto& n) { return n.is_number_unsigned(); });
}

Shape shape_of(const Json& dims, uint64_t bytes, const std::string& where) {
  Shape shape;
  if (!all_counts(dims) || dims.size() > Shape::kMostAxes)
    refuse(where, "its shape must be a list of at most five counts");
  // Compared with the bytes that are there, so that no product overflows.
  uint64_t size = 1;
  for (const Json& dim : dims) {
    const auto extent = dim.get<uint64_t>();
    if (extent != 0 && size > bytes / extent) refuse(where, "its shape asks for more bytes");
    size *= extent;
    shape.append(static_cast<int64_t>(extent));
  }
  if (size * sizeof(float) != bytes)
    refuse(where, fmt::format("its shape {} does not fit its {} bytes", shape.text(), bytes));
  return shape;
}

Safetensors::Entry entry_of(const fs::path& path, const std::string& name, const Json& value,
                            uint64_t available) {
  const std::string where = path.string() + ", tensor " + name;
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets"))
    refuse(where, "it needs dtype, shape and data_offsets");
  if (value["dtype"] != "F32")
    refuse(where, "its dtype is " + json_text(value["dtype"]) + "; only F32 can be read");
  const Json& offsets = value["data_offsets"];
  if (!all_counts(offsets) || offsets.size() != 2)
    refuse(where, "its data_offsets must be two counts");
  const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  if (begin > end || end > available)
    refuse(where, fmt::format("its offsets [{}, {}] lie outside the {} bytes of arrays", begin, end,
                              available));
  return {name, shape_of(value["shape"], end - begin, where), begin};
}

}  // namespace

std::string safetensors_bytes(const fs::path& path, const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(path, tensors, metadata);
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes += header;
  for (const auto& [name, tensor] : tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.data), tensor.size() * sizeof(float));
  return bytes;
}

void write_safetensors(const fs::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_atomically(path, safetensors_bytes(path, tensors, metadata));
}

Safetensors Safetensors::open(const fs::path& path) { return parse(path, read_file(path)); }

Safetensors Safetensors::parse(const fs::path& path, std::string bytes) {
  Safetensors out;
  out.bytes_ = std::move(bytes);
  const Json header = parse_header(path, out.bytes_, out.arrays_);
  const uint64_t available = out.bytes_.size() - out.arrays_;
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      out.entries_.push_back(entry_of(path, name, value, available));
      continue;
    }
    if (!value.is_object()) refuse(path, "its metadata is not a map");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(path, "its metadata '" + key + "' is not a text");
      out.metadata_[key] = text.get<std::string>();
    }
  }
  auto key = [](const Entry& e) { return std::pair(e.begin, e.shape.size()); };
  std::ranges::sort(out.entries_, {}, key);
  uint64_t at = 0;
  for (const Entry& entry : out.entries_) {
    if (entry.begin != at) refuse(path, "tensor " + entry.name + " leaves a hole or overlaps");
    at += entry.shape.size() * sizeof(float);
  }
  if (at != available)
    refuse(path, fmt::format("its tensors have {} bytes, the file holds {}", at, available));
  return out;
}

const Safetensors::Entry* Safetensors::find(std::string_view name) const {
  const auto it = std::ranges::find(entries_, name, &Entry::name);
  return it == entries_.end() ? nullptr : &*it;
}

void Safetensors::copy(const Entry& entry, float* out, int64_t count) const {
  std::memcpy(out, bytes_.data() + arrays_ + entry.begin, count * sizeof(float));
}

std::vector<float> Safetensors::read(const Entry& entry) const {
  std::vector<float> out(entry.shape.size());
  copy(entry, out.data());
  return out;
}

}  // namespace waiver
