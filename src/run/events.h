#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/events/event.h"
#include "probe/events/waiver_place.h"
#include "run/log_file.h"

namespace waiver {

/// The events of one run at its strongest waiver, the (head, key) with the most attention at the
/// last probe, wherever it is, the same position in each sequence or the tokens of a role.
struct RunEvents {
  struct Entry {
    EventKind kind;
    Event event;
  };
  WaiverPlace at;
  std::vector<Entry>
      entries;  // in the order of event_kinds; without those for which the log has no series
  int64_t onset_layer = -1;  // the first layer with a head whose α at key at.key rose above
                             // probe.waiver.received_attention to stay; −1: none
  /// An event; null where it is not among the entries.
  const Event* find(std::string_view name) const;
  /// Its step; none where it never happened or is not among the entries.
  std::optional<int64_t> step(std::string_view name) const;
};

/// The series of /probe at a place, each read once. Every number reported about a waiver comes from
/// here: α, E and the sink rate are those of the proxy where the model's weights are not shares
/// (probe/shares.h).
class ProbeValues {
 public:
  /// Reads from this row on. REQUIRES: the log outlives it.
  explicit ProbeValues(const Log& log, int64_t first_row = 0) : log_(log), first_(first_row) {}
  bool has(const std::string& series) const { return log_.has("probe", series); }
  /// The whole series. REQUIRES: the log has it.
  const Log::Data& all(const std::string& series);
  /// Its values at one place, probe by probe. REQUIRES: the log has the series, for an added key
  /// its attention and value ratio alone.
  std::vector<double> at(const std::string& series, const WaiverPlace& place);

 private:
  std::string name_of(const std::string& series) const;

  const Log& log_;
  int64_t first_;
  std::map<std::string, Log::Data> read_;
};

/// The strongest key of every head at the last probe; empty where the log has no probes.
std::vector<WaiverPlace> waiver_places(const Log& log);
/// The strongest of them, or of the key roles (stronger_role); none without probes or attention.
std::optional<WaiverPlace> strongest_waiver(const Log& log);
/// None where the log has no probes, or no block has attention.
std::optional<RunEvents> find_events(const Log& log, const ProbeConfig& config);

/// Writes the events of the run into /summary:
///   strongest_{layer,head,key,role}  where they were looked for
///   onset_layer                    −1: no layer has a sink at that key
///   event_name                     of each entry of the axis `event`
///   event_{step,before,after}      the onset; a step of −1: never
///   event_order                    its place among them, 0 first; equals share one; −1: never
///   event_lag                      its step − that of `enrichment`; NaN where either never
///   happened event_change_{step,size,explained}   the change point of the same quantity
/// Nothing where find_events finds nothing.
void write_events(Log& log, const ProbeConfig& config);

}  // namespace waiver
