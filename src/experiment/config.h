#pragma once

#include "data/dataset.h"
#include "model/config.h"
#include "probe/config.h"
#include "train/config.h"

namespace waiver {

struct SeedConfig {
  int64_t init = 0;
  int64_t data = 0;

  void visit(FieldVisitor& v);
};

/// One training run.
struct Config {
  ModelConfig model;
  Kind<Dataset> data{"bigram_backcopy"};
  TrainConfig train;
  ProbeConfig probe;
  SeedConfig seed;

  void visit(FieldVisitor& v);
};

}  // namespace waiver
