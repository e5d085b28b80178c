#include "config/scalar.h"

#include <algorithm>
#include <sstream>

#include "core/text/printable.h"

namespace waiver {

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  if (text.find(',') == text.npos) return parts;
  std::istringstream words(text);
  for (std::string part; std::getline(words, part, ',');)
    parts.push_back(part.substr(std::min(part.find_first_not_of(' '), part.size())));
  return parts;
}

std::string unquote_hint(const Node& node) {
  return node.tagged ? "Remove !!str." : "Remove the quotes.";
}

bool is_number(const std::string& text) {
  double value;
  return parse_number(text, value) != std::errc::invalid_argument;
}

bool all_numbers(const std::string& text) {
  const std::vector<std::string> parts = parts_of(text);
  return !parts.empty() && std::ranges::all_of(parts, is_number);
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a block";
    case Node::Kind::scalar:
      break;
  }
  const bool plain =
      !node.quoted && (is_number(node.scalar) || node.scalar == "true" || node.scalar == "false");
  return plain ? printable(node.scalar, 80) : in_quotes(node.scalar);
}

}  // namespace waiver
