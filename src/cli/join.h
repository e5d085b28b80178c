#pragma once

#include "core/ranks/ranks.h"

namespace waiver {

/// Throws UsageError, on rank 0, and EndedElsewhere on others where this verb was started as
/// several processes together, as far as the environment tells, and does not share its work.
void require_alone(const std::string& verb);

/// The processes that mpirun started with this one, or this process alone. Throws UsageError where
/// it was started as one of several and this program was built without MPI.
std::unique_ptr<Ranks> join_ranks();

}  // namespace waiver
