#pragma once

#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// The fields that `visit` names as a map that `read_fields` reads back as the same values.
/// REQUIRES: `visit` changes none of them.
Node write_fields(const Visit& visit);

}  // namespace waiver
