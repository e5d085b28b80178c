#include "cli/version.h"

namespace waiver {

// The one file that reads the commit, which changes more often than anything else.
std::string version_text() {
  return WAIVER_VERSION
#include "commit.inc"
      ;
}

}  // namespace waiver
