#include "config/names.h"

#include <fmt/format.h>
#include <span>

#include <filesystem>
#include <set>

#include "config/keys.h"
#include "config/overlay.h"
#include "core/files/files.h"

namespace waiver {
namespace {

std::string value_name(const Node& value) {
  std::string text = value.scalar;
  for (const Node& item : value.items) text += (text.empty() ? "" : "+") + value_name(item);
  for (const Node::Entry& entry : value.entries) {
    const bool is_kind = entry.name == "kind";
    text += (text.empty() ? "" : "+") + (is_kind ? "" : entry.name + "=") + value_name(entry.value);
  }
  return text;
}

std::string short_key(const std::string& key) {
  std::set<std::string> known;
  for (const KeyInfo& info : config_keys()) {
    known.insert(info.name);
    if (info.type == KeyInfo::Type::kind) known.insert(info.name + ".kind");
  }
  if (!known.contains(key)) return key;
  for (size_t dot = key.rfind('.'); dot != key.npos && dot > 0; dot = key.rfind('.', dot - 1)) {
    const std::string end = key.substr(dot);
    int shared = 0;
    for (const std::string& name : known) shared += ("." + name).ends_with(end);
    if (shared == 1) return end.substr(1);
  }
  return key;
}

}  // namespace

std::string plain_name(std::string text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._=,+-";
  for (char& c : text)
    if (kAllowed.find(c) == kAllowed.npos) c = '_';
  return text;
}

std::string setting_name(const std::string& key, const Node& value) {
  return plain_name(short_key(key) + "=" + value_name(value));
}

std::string run_name(const std::string& path, std::span<const std::string> overrides,
                     const Config& config) {
  std::string name = plain_name(std::filesystem::path(path).stem().string());
  for_each_leaf(read_overrides(overrides, config_keys()), "",
                [&](const std::string& key, const auto& entry) {
                  if (!key.starts_with("seed.")) name += "," + setting_name(key, entry.value);
                });
  const auto& [init, data] = config.seed;
  if (init != data)
    name += fmt::format(",seed={}-{}", init, data);
  else if (init != 0)
    name += fmt::format(",seed={}", init);
  return capped_name(name);
}

std::string capped_name(const std::string& name) {
  constexpr size_t kLongest = 120;
  if (name.size() <= kLongest) return name;
  const uint32_t sum = crc32_of(std::as_bytes(std::span(name)));
  return fmt::format("{}+{:08x}", name.substr(0, kLongest - 9), sum);
}

}  // namespace waiver
