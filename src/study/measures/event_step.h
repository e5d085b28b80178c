#pragma once

#include <string>

#include "study/measures/measure.h"

namespace waiver {

/// Complains where there is no event of this name.
void check_event(const std::string& event, const std::string& key, const Config& config,
                 const Complain& complain);
/// When it happened (run/events.h); +∞: never. Throws Undefined where the run cannot have it.
double event_step(const RunLogs& run, const std::string& event);

}  // namespace waiver
