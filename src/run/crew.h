#pragma once

#include "config/config.h"
#include "core/ranks/ranks.h"

namespace waiver {

/// What rank 0 asks the other ranks to do with it.
enum class Task : int64_t {
  spread,    // take over its weights and slices of its state
  update,    // make update `step`
  validate,  // share out a validation
  probe,     // measure some of the metrics
  gather,    // give it their slices of the state
  end        // with exit status `step`
};

/// The ranks that train with rank 0, which alone writes, prints and decides.
class Crew {
 public:
  explicit Crew(Ranks& ranks) : ranks_(ranks) {}

  Ranks& ranks() { return ranks_; }
  /// REQUIRES: this is rank 0, which then does its own part.
  void ask(Task task, int64_t step = 0);

 private:
  Ranks& ranks_;
};

/// Throws where a rank is not the same program on the same kind of machine with the same config and
/// data, by name (core/ranks/agree.h).
void require_same_start(Ranks& ranks, const Config& config, const Dataset& data);

/// Does what rank 0 asks for until it ends; throws EndedElsewhere where that is not well. REQUIRES:
/// this is another rank.
void follow(const Config& config, const Dataset& data, Ranks& ranks);

}  // namespace waiver
