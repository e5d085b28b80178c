#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace waiver {

/// Numbers as ranges: `3–9, 12–29`.
std::string ranges_text(const std::set<int64_t>& numbers);

}  // namespace waiver
