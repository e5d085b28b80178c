#pragma once

#include <filesystem>
#include <string>

#include "core/files/json.h"

namespace waiver {

/// Throws Error, which says how to get it, where this program was built without D3.
void require_d3();

/// The data as the text of one JSON, in which no `<` stands, so that nothing in it ends the script
/// element that holds it; bytes that are not UTF-8 become U+FFFD.
std::string page_json(const Json& data);

/// The page: one HTML file that needs nothing else. `live`: it asks its server for new data.
/// Throws as require_d3.
std::string page_html(const std::string& title, const std::string& json, bool live = false);

/// Whether a file begins as a page of this program.
bool is_page(const std::filesystem::path& file);

}  // namespace waiver
