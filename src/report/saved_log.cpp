#include "report/saved_log.h"

#include "run/directory.h"

namespace waiver {

std::optional<Selection> saved_selection(const Log& log, const std::filesystem::path& run) {
  std::optional<Selection> other;
  if (std::filesystem::exists(run / kMechanismFile))
    other = selection_of(Log::open(run / kMechanismFile));
  return newer(selection_of(log), other);
}

}  // namespace waiver
