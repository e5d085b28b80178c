#pragma once

#include "data/dataset.h"

namespace waiver {

/// The same data, whose probe sequences may be asked for with fewer than `length` tokens: they are
/// then the first tokens of those with `length`. Training and validation stay as they are.
std::unique_ptr<Dataset> with_short_probes(std::unique_ptr<Dataset> data, int64_t length);

}  // namespace waiver
