#pragma once

#include <functional>

#include "core/error.h"
#include "core/ranks/ranks.h"

namespace waiver {

/// Another rank has said why all of them end; this one ends with the same exit status, silently.
struct EndedElsewhere {
  int status;
};

/// Another rank can no longer be reached, so there is nothing left to agree on.
struct RankLost : Error {
  using Error::Error;
};

/// Calls f on every rank, and goes on if all could do it. Otherwise the first rank that could not
/// says why: rank 0 throws what it threw, or as much as an Error of its sentence with the rank's
/// name before it; all others throw EndedElsewhere.
void agree(Ranks& ranks, const std::function<void()>& f);

/// Throws UsageError on rank 0, and EndedElsewhere on the others, where one of these facts of a
/// rank is not rank 0's: `name: value`, one a line.
void require_same(Ranks& ranks, const std::string& facts);

}  // namespace waiver
