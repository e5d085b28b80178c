#pragma once

#include <optional>
#include <string>

#include "probe/mechanism/mechanism.h"
#include "run/log_file.h"

namespace waiver {

/// What selects a run's waiver, as far as the mechanism tests were asked.
struct Selection {
  int64_t step = 0;
  SelectedBy by = SelectedBy::nothing;
  double encoding = 0, content = 0, both = 0;  // the shares of its attention that follow these
  std::string key;  // whose selection was studied: `position 4`, or a role
};

/// The newest row of /mechanism, in a run's log or in its mechanism.h5; none where there is none.
std::optional<Selection> selection_of(const Log& log);

/// The one of a later step, of equals b; none where there is neither.
std::optional<Selection> newer(const std::optional<Selection>& a,
                               const std::optional<Selection>& b);

/// `position encoding and features`: of a mixed one, each that moves more of the attention than
/// nothing (kFollow.none), alone or in addition to the other; where it is one, `features, in part`.
std::string selected_by_text(const Selection& selection);

}  // namespace waiver
