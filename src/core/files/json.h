#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

extern template class nlohmann::basic_json<nlohmann::ordered_map>;  // once, in json.cpp

namespace waiver {

/// JSON whose keys keep their order.
using Json = nlohmann::ordered_json;

/// Where the text is no JSON: a value that is_discarded(), and throws Json::exception when it is
/// asked for anything. What is nested deeper than `deepest` is left out.
Json parse_json(std::string_view text);
Json parse_json(std::string_view text, int deepest);

/// In one line. Throws Json::exception where a text in it is not UTF-8.
std::string json_text(const Json& json);
/// Indented, with a line break at the end; replaces the file in one step.
std::string json_lines(const Json& json);
void write_json(const std::filesystem::path& path, const Json& json);

/// JSON has neither NaN nor infinity: null.
Json json_number(double x);
/// The same, but whole numbers are written as such: 170, not 170.0.
Json json_plain_number(double x);

}  // namespace waiver
