#pragma once

#include "core/fields.h"

namespace waiver {

struct ProbeConfig {
  int64_t every = 10;
  std::vector<int64_t> first = {0, 1, 2, 4, 8};
  std::vector<int64_t> snapshots = {};
  int64_t batch = 16;
  double sink_threshold = 0.3;

  void visit(FieldVisitor& v);
};

}  // namespace waiver
