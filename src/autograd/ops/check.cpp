#include "autograd/ops/check.h"

#include "core/error.h"

namespace waiver {

void Check::refuse(fmt::string_view what, fmt::format_args values) const {
  throw ShapeError(fmt::format("[{}] {}", op_, fmt::vformat(what, values)));
}

}  // namespace waiver
