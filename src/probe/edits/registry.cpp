#include "core/fields/registry.h"
#include "probe/edits/edit_rule.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define EDIT_RULES(KIND)  \
  KIND(EditRule, zero)    \
  KIND(EditRule, set)     \
  KIND(EditRule, mean)    \
  KIND(EditRule, scale)   \
  KIND(EditRule, patch)   \
  KIND(EditRule, permute) \
  KIND(EditRule, noise)   \
  KIND(EditRule, swap)    \
  KIND(EditRule, shuffle) \
  KIND(EditRule, donor)   \
  KIND(EditRule, hide)    \
  KIND(EditRule, redirect)
WAIVER_REGISTRY(EditRule, EDIT_RULES)

}  // namespace waiver
