#pragma once

#include <string>

namespace waiver {

/// `0.2.0, commit 1a2b3c4d5e6f, modified`: the commit that it was built from, of a git checkout.
std::string version_text();

}  // namespace waiver
