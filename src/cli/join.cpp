#include "cli/join.h"

#include <cstdlib>

#include "cli/mpi.h"
#include "core/error.h"

namespace waiver {

bool started_with_others() {
  // Open MPI; MPICH, Intel MPI and Slurm's PMI; Slurm with PMIx.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* size = std::getenv(name)) return std::atoi(size) > 1;
  const char *rank = std::getenv("PMIX_RANK"), *tasks = std::getenv("SLURM_NTASKS");
  return rank && tasks && std::atoi(tasks) > 1;
}

std::unique_ptr<Ranks> join_ranks() {
  if (!started_with_others()) return std::make_unique<Ranks>();
  if (auto ranks = join_mpi()) return ranks;
  throw UsageError("train",
                   "mpirun started several processes, but this program was built without MPI",
                   "Install Open MPI (scripts/setup.sh does) and build again, or start it alone.");
}

}  // namespace waiver
