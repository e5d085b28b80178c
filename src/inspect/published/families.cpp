#include <array>

#include "inspect/published/family.h"

// One line for each family.

namespace waiver {

#define WAIVER_FAMILIES(FAMILY) \
  FAMILY(gpt2)                  \
  FAMILY(gpt_neox)              \
  FAMILY(llama)                 \
  FAMILY(qwen2)                 \
  FAMILY(mistral)               \
  FAMILY(bert)                  \
  FAMILY(roberta)

#define WAIVER_DECLARE(name) Family name##_family();
WAIVER_FAMILIES(WAIVER_DECLARE)
#undef WAIVER_DECLARE

std::span<const Family> families() {
#define WAIVER_CALL(name) name##_family(),
  static const std::array all = {WAIVER_FAMILIES(WAIVER_CALL)};
#undef WAIVER_CALL
  return all;
}

}  // namespace waiver
