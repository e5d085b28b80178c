#pragma once

#include "core/ranks/ranks.h"

namespace waiver {

/// MPI's world, or null where this program was built without MPI.
std::unique_ptr<Ranks> join_mpi();

/// The library, `Open MPI 4.1.4`; empty where there is none.
std::string mpi_version();

}  // namespace waiver
