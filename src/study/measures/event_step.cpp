#include "study/measures/event_step.h"

#include <fmt/format.h>

#include <limits>

#include "config/suggest.h"
#include "run/events.h"
#include "study/measures/series_choice.h"

namespace waiver {

void check_event(const std::string& event, const std::string& key, const Config& config,
                 const Complain& complain) {
  check_probed(key, config, complain);
  if (event.empty()) return;  // complained of by the reader
  std::vector<Choice> choices;
  std::vector<std::string> names;
  for (const EventKind& kind : event_kinds(config.probe)) {
    choices.push_back({kind.name, ""});
    names.emplace_back(kind.name);
    if (kind.name == event) return;
  }
  complain(key, fmt::format("expected one of {}, found \"{}\"", join_or(names), event),
           nearest_choice(choices, event));
}

double event_step(const RunLogs& run, const std::string& event) {
  const auto events = find_events(run.log, run.config.probe);
  if (!events) throw Undefined("the run has no attention, or no probes, and so no events");
  if (!events->find(event))
    throw Undefined(fmt::format("the run does not measure what the event {} is about", event));
  require_rows_of_onset(run.log.steps("probe").size());
  const auto step = events->step(event);
  return step ? static_cast<double>(*step) : std::numeric_limits<double>::infinity();
}

}  // namespace waiver
