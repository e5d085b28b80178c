#pragma once

#include <charconv>
#include <string>
#include <system_error>
#include <vector>

#include "config/yaml.h"

// What a value of a config says, whatever it should have been.

namespace waiver {

/// Reads the whole text as a T. `result_out_of_range`: it is a number, but no T holds it;
/// `invalid_argument`: it is none.
template <class T>
std::errc parse_number(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [at, problem] = std::from_chars(text.data(), end, value);
  if (at != end) return std::errc::invalid_argument;
  return problem;
}

bool is_number(const std::string& text);
/// The parts of `1e-3,3e-4`; empty where there is no comma.
std::vector<std::string> parts_of(const std::string& text);
/// Whether there are parts, and each is a number.
bool all_numbers(const std::string& text);

/// What was found, for a message: a number or a flag as it is, other texts in quotes.
std::string describe(const Node& node);
/// How to turn a text into the number or word that it should be.
std::string unquote_hint(const Node& node);

}  // namespace waiver
