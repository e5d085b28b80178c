#include "cli/join.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "cli/mpi.h"
#include "core/ranks/agree.h"

namespace waiver {
namespace {

// A number that whoever started the processes gave to each, or none.
std::optional<int> given(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = std::getenv(name)) return std::atoi(value);
  return {};
}

// By Open MPI; by the PMI of MPICH, Intel MPI and Slurm; by Slurm with PMIx.
bool started_with_others() {
  const auto count = given({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"});
  return count ? *count > 1 : given({"PMIX_RANK"}) && given({"SLURM_NTASKS"}).value_or(1) > 1;
}

bool is_first() {
  return given({"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"}).value_or(0) == 0;
}

bool has_mpi() { return !mpi_version().empty(); }

bool begun = false;  // together

}  // namespace

Ranks& joined_ranks() {
  static const std::unique_ptr<Ranks> ranks = [] {
    if (!started_with_others()) return std::make_unique<Ranks>();
    if (auto joined = join_mpi()) return joined;
    throw UsageError(
        "mpirun", "several processes were started, but this program was built without MPI",
        "Install Open MPI (scripts/setup.sh does) and build again, or start it alone.");
  }();
  return *ranks;
}

void require_alone(const std::string& verb) {
  if (!started_with_others() || verb == "train") return;
  throw UsageError("mpirun",
                   "several processes were started, and they share the work of train alone",
                   fmt::format("Start {} without mpirun.", verb));
}

void begin_together(const std::function<void()>& prepare) {
  begun = has_mpi();
  agree(joined_ranks(), prepare);
}

void fail_together(const std::exception_ptr& failure) {
  if (begun || !started_with_others()) std::rethrow_exception(failure);
  if (has_mpi()) begin_together([&] { std::rethrow_exception(failure); });
  if (!is_first()) {
    // Nothing else makes the others wait until the first has said why.
    std::this_thread::sleep_for(std::chrono::seconds(1));
    throw EndedElsewhere{static_cast<int>(Error::Kind::usage)};
  }
  std::rethrow_exception(failure);
}

}  // namespace waiver
