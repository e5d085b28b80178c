#include "report/page.h"

#include <fstream>
#include <map>
#include <string_view>

#include "core/error.h"
#include "report/assets.h"

namespace waiver {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

// The template with its places `@name@` filled in, whose contents are not read again.
std::string filled(std::string_view text,
                   const std::map<std::string_view, std::string_view>& with) {
  std::string out;
  while (!text.empty()) {
    const size_t begin = text.find('@'), end = text.find('@', begin + 1);
    if (begin == text.npos || end == text.npos) break;
    const auto found = with.find(text.substr(begin + 1, end - begin - 1));
    if (found == with.end()) {
      out += text.substr(0, end);
      text.remove_prefix(end);
      continue;
    }
    out += text.substr(0, begin);
    out += found->second;
    text.remove_prefix(end + 1);
  }
  return out.append(text);
}

}  // namespace

void require_d3() {
  if (!page_files().d3.empty()) return;
  throw Error(
      "report",
      "this program was built without D3, which draws the charts of the page, or without "
      "its licence",
      "Install D3 (Debian: node-d3) and build again: cmake finds d3.min.js, or is told with "
      "-DWAIVER_D3=FILE and -DWAIVER_D3_LICENCE=FILE.");
}

std::string page_json(const Json& data) {
  const std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text)
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  return out;
}

std::string page_html(const std::string& title, const std::string& json, bool live) {
  require_d3();
  const PageFiles& files = page_files();
  const std::string name = escaped(title), licence = escaped(files.d3_licence);
  return filled(files.html, {{"title", name},
                             {"css", files.css},
                             {"live", live ? "1" : "0"},
                             {"d3_licence", licence},
                             {"data", json},
                             {"d3", files.d3},
                             {"scripts", files.scripts}});
}

bool is_page(const std::filesystem::path& file) {
  constexpr std::string_view kBegin = "<!doctype html>\n<!-- waiver report -->\n";
  std::ifstream in(file, std::ios::binary);
  std::string begin(kBegin.size(), '\0');
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return in && begin == kBegin;
}

}  // namespace waiver
