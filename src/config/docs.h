#pragma once

#include <string>

#include "config/keys.h"

namespace waiver {

/// The head of a Markdown table of keys, and a row of it.
inline constexpr char kKeyTable[] = "| key | default | allowed | meaning |\n|---|---|---|---|\n";
std::string key_row(const KeyInfo& key);

/// Markdown: every key with its default, what is allowed, and what it means; or only the key
/// `only`, or those of the block of that name. Throws UsageError, with the nearest name, where
/// there is none.
std::string config_docs(const std::string& only = {});

}  // namespace waiver
