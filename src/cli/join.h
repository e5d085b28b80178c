#pragma once

#include "core/ranks/ranks.h"

namespace waiver {

/// Whether several processes were started together with this one, as far as its environment tells.
bool started_with_others();

/// The processes that mpirun started with this one, or this process alone. Throws UsageError where
/// it was started as one of several and this program was built without MPI.
std::unique_ptr<Ranks> join_ranks();

}  // namespace waiver
