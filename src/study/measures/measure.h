#pragma once

#include <functional>
#include <string>

#include "config/config.h"
#include "core/error.h"
#include "run/log_file.h"

namespace waiver {

/// A finished run, as measures see it.
struct RunLogs {
  const Config& config;
  const Log& log;
  const Log* mechanism = nullptr;  // RUN/mechanism.h5; null where there is none

  /// The log that holds a group: `mechanism` may be in a file of its own. Throws Undefined where
  /// neither has it.
  const Log& holding(const std::string& group) const;
};

/// Why a measure has no number in one run, as a sentence.
struct Undefined : Error {
  explicit Undefined(const std::string& what) : Error("", what) {}
};

/// Takes what is wrong with an option: its key within the measure, what it is, a hint.
using Complain =
    std::function<void(const std::string& key, const std::string& what, const std::string& hint)>;

/// Complains, about this key, of runs without probes.
inline void check_probed(const std::string& key, const Config& config, const Complain& complain) {
  if (config.probe.every == 0) complain(key, "the runs have no probes", "Set probe.every above 0.");
}

/// One number of a finished run, computed from its log.
class Measure {
 public:
  virtual ~Measure() = default;
  virtual void options(FieldVisitor&) = 0;
  /// Complains of options that do not fit together, or name what a run of this config cannot have.
  virtual void check(const Config& config, const Complain& complain) const = 0;
  /// The number; +∞ for a step that never came. Throws Undefined where the run has none.
  virtual double of(const RunLogs& run) const = 0;
};

}  // namespace waiver
