#pragma once

#include <string>

#include "config/keys.h"

namespace waiver {

/// The head of a Markdown table of keys, and a row of it.
inline constexpr char kKeyTable[] = "| key | default | allowed | meaning |\n|---|---|---|---|\n";
std::string key_row(const KeyInfo& key);

/// Markdown: every key with its default, what is allowed, and what it means.
std::string config_docs();

}  // namespace waiver
