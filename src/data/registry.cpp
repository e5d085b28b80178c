#include "core/fields/registry.h"
#include "data/dataset.h"
#include "data/dedicated.h"
#include "data/objective.h"
#include "data/rule.h"

// One line for each kind, in the order of `waiver config docs`.

namespace waiver {

#define DATASETS(KIND)                  \
  KIND(Dataset, bigram_backcopy)        \
  KIND(Dataset, bigram_backcopy_random) \
  KIND(Dataset, text)                   \
  KIND(Dataset, tokens)                 \
  KIND(Dataset, unigram)                \
  KIND(Dataset, trigger_average)        \
  KIND(Dataset, nop)                    \
  KIND(Dataset, broadcast)
WAIVER_REGISTRY(Dataset, DATASETS)

#define DEDICATED(KIND)            \
  KIND(Dedicated, no_dedicated)    \
  KIND(Dedicated, fixed_dedicated) \
  KIND(Dedicated, random_dedicated)
WAIVER_REGISTRY(Dedicated, DEDICATED)

#define TRIGGER_RULES(KIND)      \
  KIND(TriggerRule, copy)        \
  KIND(TriggerRule, markov)      \
  KIND(TriggerRule, dormant)     \
  KIND(TriggerRule, interpolate) \
  KIND(TriggerRule, in_context)
WAIVER_REGISTRY(TriggerRule, TRIGGER_RULES)

#define OBJECTIVES(KIND)        \
  KIND(Objective, next_token)   \
  KIND(Objective, masked_token) \
  KIND(Objective, regression)
WAIVER_REGISTRY(Objective, OBJECTIVES)

}  // namespace waiver
