#pragma once

#include "data/dataset.h"

namespace waiver {

/// The dataset in which the token `padding` fills up sequences at their end: nothing is predicted
/// there, it is not predicted, and it is none of the data's own tokens. REQUIRES: `data` is open.
std::unique_ptr<Dataset> with_padding(std::unique_ptr<Dataset> data, int32_t padding);

}  // namespace waiver
