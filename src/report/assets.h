#pragma once

#include <string_view>

namespace waiver {

/// The parts of the page, taken in when the program is built: its frame with places `@name@`, its
/// styles, its scripts (those of page/ before those of charts/), and D3 with its licence, both
/// empty where they were not found.
struct PageFiles {
  std::string_view html, css, scripts, d3, d3_licence;
};
const PageFiles& page_files();

}  // namespace waiver
