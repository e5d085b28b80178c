#pragma once

#include <exception>
#include <functional>
#include <string>

#include "core/ranks/ranks.h"

namespace waiver {

/// The processes that mpirun started with this one, or this process alone; they are joined at the
/// first call, and left when the program ends, so that what it says on the way is said before that:
/// mpirun ends all as soon as one has left with an error. Throws UsageError where there are several
/// and this program was built without MPI.
Ranks& joined_ranks();

/// Throws UsageError where this verb was started as several processes together, as far as the
/// environment tells, and does not share its work.
void require_alone(const std::string& verb);

/// Prepares on all ranks (agree), which makes them begin together. What fails before, on any of
/// them, is to be handed to `fail_together`.
void begin_together(const std::function<void()>& prepare);

/// This rank failed. Where they have not begun together, it says so to the others in the place of
/// that, and throws what each of them is to end with; otherwise it rethrows.
[[noreturn]] void fail_together(const std::exception_ptr& failure);

}  // namespace waiver
