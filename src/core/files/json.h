#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace waiver {

/// JSON whose keys keep their order.
using Json = nlohmann::ordered_json;

/// Where the text is not JSON: a value that is_discarded() and throws Json::exception on any
/// access.
Json parse_json(std::string_view text);

/// On one line. Throws Json::exception where a string in it is not UTF-8.
std::string json_text(const Json& json);
/// On one line, with a final newline; bytes that are not UTF-8 become U+FFFD.
std::string json_line(const Json& json);
/// Indented, with a final newline; replaces the file in one step.
std::string json_lines(const Json& json);
/// An object with a line for each of its keys: shorter than json_lines, and still easy to compare.
std::string json_by_key(const Json& json);
void write_json(const std::filesystem::path& path, const Json& json);

/// Null for NaN and infinity, which JSON lacks.
Json json_number(double x);
/// The same, but whole numbers are written as such: 170, not 170.0.
Json json_plain_number(double x);
/// A number that `exact_number` reads back bit for bit, but for the payload of a NaN: infinities
/// and NaN are the strings "inf", "-inf" and "nan". The latter throws Json::exception for anything
/// else.
Json json_exact_number(double x);
double exact_number(const Json& json);

}  // namespace waiver
