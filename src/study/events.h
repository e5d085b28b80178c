#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "probe/events/bootstrap.h"
#include "run/events.h"
#include "study/study.h"

namespace waiver {

/// One number of every run of a group, and the interval of their median. What never came is +∞;
/// what cannot be said of a run is NaN and has no part in the median.
struct Sample {
  std::vector<double> each;
  MedianInterval middle;
};
Sample sample_of(std::vector<double> each);

/// The events of the finished runs of one group: the same config with several seeds.
struct GroupEvents {
  struct Run {
    int64_t seed, steps;  // steps: the length of the run
    RunEvents events;
  };
  std::string name;
  std::vector<Run> runs;  // at least one

  bool has(std::string_view event) const;
  /// When an event came, in steps.
  Sample steps(std::string_view event) const;
  /// How long after `from` the event `to` came, in steps; NaN where either never came.
  Sample lag(std::string_view from, std::string_view to) const;
  /// The events that came in most runs, by their median step, earliest first.
  std::vector<std::string_view> order() const;
  /// W11, "attention and value fall together": in how many runs both `enrichment` (t_E) and `value`
  /// (t_V) came, and in how many of them |t_V − t_E| is at most a tenth of the run.
  struct Together {
    int64_t both = 0, within = 0;
  };
  Together together() const;
};

struct StudyEvents {
  std::vector<GroupEvents> groups;     // in the order of the study, none without a run
  std::vector<std::string> without;    // finished runs that have no probes, or no attention
  std::vector<std::string> unchecked;  // whose logs were written before logs had a checksum
};

/// Reads the logs of the study's finished runs, which lie in FOLDER/<name>.
StudyEvents find_events(const Study& study, const std::filesystem::path& folder);

}  // namespace waiver
