#pragma once

#include <string>

#include "experiment/keys.h"

namespace waiver {

/// The head of a Markdown table of keys, and a line of it.
inline constexpr char kKeyTable[] = "| key | default | allowed | meaning |\n|---|---|---|---|\n";
std::string key_row(const KeyInfo& key);

}  // namespace waiver
