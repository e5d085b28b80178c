#pragma once

#include <vector>

#include "reference/settings.h"

namespace waiver::reference {

/// Choices for every key of a model's config that has choices, a new kind's included, so that any
/// two words of different keys stand together in at least one of the lists, unless the config
/// refuses them or one takes the other's key away. `base` is beneath all of them.
std::vector<Edits> pairwise(const Edits& base);

/// `position rope, mlp.kind gelu, …`
std::string description(const Edits& edits);

}  // namespace waiver::reference
