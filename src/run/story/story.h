#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probe/events/emergence.h"
#include "probe/events/waiver_place.h"
#include "run/events.h"
#include "run/log_file.h"

namespace waiver {

/// What the probes of a run tell about its waiver element.
struct Story {
  /// The place, of all positions, key roles and added keys of every head, that was one first and
  /// stayed one (tells_more), the one with more attention at the end among equals. Where none was
  /// one for so many probes or is one at the end, the place with the most attention then.
  WaiverPlace at;
  std::string token;  // at that position in every probe sequence; empty where they differ
  Emergence when;
  WaiverThresholds thresholds;
  std::vector<int64_t> steps;  // of the probes, at least one
  /// α, E and r_V of the place at each; E is empty for an added key, which has none.
  std::vector<double> attention, enrichment, value_ratio;

  bool has_waiver() const { return when.emerged() || when.lasts(); }
  /// The step at which attention rose: E above its threshold, for an added key α above its own, for
  /// kPersistence probes; and at which the value drained: r_V below its own. −1: never.
  int64_t attention_rose() const;
  int64_t value_drained() const;
  /// ``position 0 (`<s>`)``, ``tokens of the role `trigger` ``, `added key 0`.
  std::string key_text() const;
};

/// None where the log has no probes, or no block has attention.
std::optional<Story> story_of(const Log& log, const ProbeConfig& config);
/// The same; `probe`, of the same log from its first row on, keeps what was read.
std::optional<Story> story_of(const Log& log, const ProbeConfig& config, ProbeValues& probe);

/// The story as a sentence, or two: where and when the waiver element emerged, from what attention
/// and value ratio at the first probe to what at the last, and how long after α rose (E above its
/// threshold) the value drained (r_V below its own), each for kPersistence probes; of a single
/// probe, what is there; or that there is none.
std::string sentence_of(const Story& story);

/// Why there is no story.
std::string sentence_without_story(const Log& log, const ProbeConfig& config);

/// How long training took as far as it was logged, by all processes that trained it.
double logged_seconds(const Log& log);

/// `.49`, `1.0`; `undefined` for NaN.
std::string short_number(double x);

}  // namespace waiver
