#include "inspect/published/hub_config.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/text/printable.h"

namespace waiver {
namespace {

constexpr int64_t kMostCount = int64_t{1} << 40;

}  // namespace

void HubConfig::refuse(std::string_view key, const std::string& what,
                       const std::string& hint) const {
  throw UsageError(where_, fmt::format("{}{}: {}", prefix_, key, what), hint);
}

bool HubConfig::has(std::string_view key) const {
  const auto at = json_.find(std::string(key));
  return at != json_.end() && !at->is_null();
}

const Json& HubConfig::at(std::string_view key, const char* kind) const {
  if (!has(key)) refuse(key, fmt::format("the key is missing; {} is needed", kind));
  return json_.at(std::string(key));
}

void HubConfig::refuse_kind(std::string_view key, const char* kind) const {
  constexpr size_t kShown = 60;
  std::string found = json_text(json_.at(std::string(key)));
  if (found.size() > kShown) found = fmt::format("a JSON {}", at(key, kind).type_name());
  refuse(key, fmt::format("expected {}, found {}", kind, found));
}

int64_t HubConfig::count(std::string_view key, std::optional<int64_t> missing) const {
  if (missing && !has(key)) return *missing;
  constexpr const char* kind = "a whole number ≥ 0";
  const Json& value = at(key, kind);
  const bool whole = value.is_number_unsigned() || (value.is_number_integer() && value >= 0);
  if (!whole || value.get<uint64_t>() > kMostCount) refuse_kind(key, kind);
  return value.get<int64_t>();
}

double HubConfig::number(std::string_view key, std::optional<double> missing) const {
  if (missing && !has(key)) return *missing;
  const Json& value = at(key, "a number");
  if (!value.is_number()) refuse_kind(key, "a number");
  return value.get<double>();
}

bool HubConfig::flag(std::string_view key, bool missing) const {
  if (!has(key)) return missing;
  const Json& value = at(key, "true or false");
  if (!value.is_boolean()) refuse_kind(key, "true or false");
  return value.get<bool>();
}

std::string HubConfig::word(std::string_view key, std::optional<std::string> missing) const {
  if (missing && !has(key)) return *missing;
  const Json& value = at(key, "a word");
  if (!value.is_string()) refuse_kind(key, "a word");
  return value.get<std::string>();
}

HubConfig HubConfig::block(std::string_view key) const {
  if (has(key) && !at(key, "an object").is_object()) refuse_kind(key, "an object");
  HubConfig out(where_, has(key) ? at(key, "") : Json::object());
  out.prefix_ = fmt::format("{}{}.", prefix_, key);
  return out;
}

std::vector<std::string> HubConfig::words(std::string_view key) const {
  std::vector<std::string> out;
  if (!has(key)) return out;
  const Json& value = at(key, "a list of words");
  if (!value.is_array()) refuse_kind(key, "a list of words");
  for (const Json& item : value) {
    if (!item.is_string()) refuse_kind(key, "a list of words");
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace waiver
