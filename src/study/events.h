#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/statistics/bootstrap.h"
#include "run/events.h"
#include "study/record.h"

namespace waiver {

/// A number for every run of a group, and the interval of their median. What never happened is +∞;
/// what is undefined for a run is NaN and does not enter the median.
struct Sample {
  std::vector<double> each;
  Interval middle;
};
Sample sample_of(std::vector<double> each);

/// One event over the runs of a group, a number per run. What is undefined for a run is NaN.
struct EventOfRuns {
  EventKind kind;
  Sample step;                        // when it happened; +∞: never
  std::vector<double> before, after;  // the quantity around its step
  Sample change_step, change_size;    // the change point; a quantity that never changed has no step
  std::vector<double> change_explained;
};

/// How long after `from` the event `to` happened, in steps; NaN where either never did.
struct Lag {
  std::string_view from, to;
  Sample steps;
};

/// The events of the finished runs of one group, the same config with several seeds, and what they
/// show together. All of it is computed once, by `events_of_runs`.
struct GroupEvents {
  struct Run {
    int64_t seed, steps;  // steps: the length of the run
    RunEvents events;
  };
  std::string name;
  std::vector<Run> runs;                // at least one
  std::vector<EventOfRuns> events;      // in the order of event_kinds; those that the runs have
  std::vector<std::string_view> order;  // those that happened in most runs, by their median step
  std::vector<Lag> lags;                // from each of `order` to the next
  /// W11, "attention and value fall together": from `enrichment` (t_E) to `value` (t_V); in how
  /// many runs both happened, and in how many of those |t_V − t_E| is at most a tenth of the run.
  Lag together;
  int64_t both = 0, within = 0;

  /// Null where the runs do not have it.
  const EventOfRuns* find(std::string_view event) const;
};
/// REQUIRES: at least one run.
GroupEvents events_of_runs(std::string name, std::vector<GroupEvents::Run> runs);

struct StudyEvents {
  std::vector<GroupEvents> groups;     // in the order of the study, without empty groups
  std::vector<std::string> without;    // finished runs that have no probes or no attention
  std::vector<std::string> unchecked;  // runs whose logs were written before logs had a checksum
};

/// The events of finished runs, in the order of the study.
StudyEvents events_of(const std::vector<RunRecord>& runs);

}  // namespace waiver
