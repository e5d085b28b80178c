#include "core/files/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/files/strict_json.h"
#include "core/text/printable.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

struct Dtype {
  std::string_view name;
  uint64_t bytes;  // of one number
};
constexpr Dtype kDtypes[] = {{"F32", 4},     {"F16", 2},    {"BF16", 2}, {"F64", 8}, {"I64", 8},
                             {"I32", 4},     {"I16", 2},    {"I8", 1},   {"U64", 8}, {"U32", 4},
                             {"U16", 2},     {"U8", 1},     {"BOOL", 1}, {"C64", 8}, {"F8_E5M2", 1},
                             {"F8_E4M3", 1}, {"F8_E8M0", 1}};

bool all_counts(const Json& list) {
  return list.is_array() &&
         std::ranges::all_of(list, [](const Json& n) { return n.is_number_unsigned(); });
}

const Dtype& dtype_of(const Json& name, const std::string& where) {
  const auto it = std::ranges::find_if(kDtypes, [&](const Dtype& d) { return name == d.name; });
  if (it != std::end(kDtypes)) return *it;
  const std::string found = name.is_string() ? in_quotes(name.get<std::string>()) : "no text";
  std::vector<std::string_view> known;
  for (const Dtype& dtype : kDtypes) known.push_back(dtype.name);
  refuse_safetensors(
      where, fmt::format("its dtype is {}, which is none of {}", found, fmt::join(known, ", ")));
}

Shape shape_of(const Json& dims, const Dtype& dtype, uint64_t bytes, const std::string& where) {
  Shape shape;
  if (!all_counts(dims) || dims.size() > Shape::kMostAxes)
    refuse_safetensors(where, "its shape must be a list of at most five counts");
  // Compared with the bytes that are there, so that no product overflows.
  const bool empty = std::ranges::any_of(dims, [](const Json& n) { return n == 0u; });
  const uint64_t most = empty ? uint64_t{1} << 53 : bytes;
  uint64_t size = 1;
  for (const Json& dim : dims) {
    const auto extent = dim.get<uint64_t>();
    if (extent > most / size)
      refuse_safetensors(where, fmt::format("its shape asks for more than its {} bytes", bytes));
    shape.append(static_cast<int64_t>(extent));
    size *= std::max<uint64_t>(extent, 1);
  }
  if (bytes % dtype.bytes != 0 || bytes / dtype.bytes != (empty ? 0 : size))
    refuse_safetensors(where, fmt::format("its shape {} of {} does not fit its {} bytes",
                                          shape.text(), dtype.name, bytes));
  return shape;
}

SafetensorsEntry entry_of(const fs::path& path, const std::string& name, const Json& value,
                          int64_t available) {
  const std::string where = path.string() + ", tensor " + name;
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets"))
    refuse_safetensors(where, "it needs dtype, shape and data_offsets");
  const Dtype& dtype = dtype_of(value["dtype"], where);
  const Json& offsets = value["data_offsets"];
  if (!all_counts(offsets) || offsets.size() != 2)
    refuse_safetensors(where, "its data_offsets must be two counts");
  const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  if (begin > end || end > static_cast<uint64_t>(available))
    refuse_safetensors(where, fmt::format("its offsets [{}, {}] lie outside the {} bytes of arrays",
                                          begin, end, available));
  return {name, std::string(dtype.name), shape_of(value["shape"], dtype, end - begin, where),
          static_cast<int64_t>(begin), static_cast<int64_t>(end)};
}

void read_metadata(const fs::path& path, const Json& value,
                   std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) refuse_safetensors(path.string(), "its metadata is not a map");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string())
      refuse_safetensors(path.string(), "its metadata '" + key + "' is not a text");
    metadata[key] = text.get<std::string>();
  }
}

}  // namespace

void refuse_safetensors(const std::string& where, const std::string& what) {
  throw Error(where, what, "It may be truncated, damaged or of another format.");
}

SafetensorsHeader parse_safetensors_header(const fs::path& path, std::string_view text,
                                           int64_t available) {
  // The format needs three levels; printing or copying many would exhaust the stack.
  const Json json = parse_strict_json(path.string(), text, 4);
  if (!json.is_object())
    refuse_safetensors(path.string(), "its safetensors header is not a JSON object");
  SafetensorsHeader out;
  for (const auto& [name, value] : json.items())
    if (name == "__metadata__")
      read_metadata(path, value, out.metadata);
    else
      out.entries.push_back(entry_of(path, name, value, available));
  std::ranges::sort(out.entries, {},
                    [](const auto& e) { return std::tie(e.begin, e.end, e.name); });
  int64_t at = 0;
  for (const SafetensorsEntry& entry : out.entries) {
    if (entry.begin != at)
      refuse_safetensors(path.string(), "tensor " + entry.name + " leaves a hole or overlaps");
    at = entry.end;
  }
  if (at != available)
    refuse_safetensors(path.string(),
                       fmt::format("its tensors have {} bytes, the file holds {}", at, available));
  return out;
}

}  // namespace waiver
