#include "core/files/json.h"

#include <cmath>

#include "core/files/files.h"

namespace waiver {

Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

std::string json_text(const Json& json) { return json.dump(); }
std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}
std::string json_lines(const Json& json) { return json.dump(2) + "\n"; }
std::string json_by_key(const Json& json) {
  std::string text;
  for (const auto& [key, value] : json.items())
    text += (text.empty() ? "{\n" : ",\n") + Json(key).dump() + ":" + value.dump();
  return text + "\n}\n";
}

void write_json(const std::filesystem::path& path, const Json& json) {
  write_atomically(path, json_lines(json));
}

Json json_number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

Json json_exact_number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  return x;
}

double exact_number(const Json& json) {
  if (json == "nan") return NAN;
  if (json == "inf") return INFINITY;
  if (json == "-inf") return -INFINITY;
  return json.get<double>();
}

Json json_plain_number(double x) {
  const bool whole = x == std::floor(x) && std::abs(x) < 0x1p63;
  return whole ? Json(static_cast<int64_t>(x)) : json_number(x);
}

}  // namespace waiver
