#pragma once

#include "core/fields/fields.h"
#include "data/objective.h"
#include "train/optimizer.h"

namespace waiver {

/// How the learning rate changes after the warm-up.
enum class ScheduleKind { constant, cosine, linear };
std::span<const Choice> words(ScheduleKind);

struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::constant;
  int64_t warmup = 0;
  double final = 0.0;

  void visit(FieldVisitor& v);
};

struct EvalConfig {
  int64_t every = 250;
  int64_t batches = 20;

  void visit(FieldVisitor& v);
};

struct CheckpointConfig {
  int64_t every = 1000;
  int64_t keep = 2;
  std::vector<int64_t> at;

  void visit(FieldVisitor& v);
};

struct TrainConfig {
  int64_t steps = 1000;
  int64_t batch = 64;
  int64_t tokens = 0;
  int64_t accumulate = 1;
  bool recompute = false;
  Kind<Objective> objective{"next_token"};
  Kind<Optimizer> optimizer{"adamw"};
  ScheduleConfig schedule;
  double clip = 0.0;
  std::vector<std::string> freeze;
  std::string from;  // a checkpoint; empty: initial weights
  int64_t log_every = 10;
  EvalConfig eval;
  CheckpointConfig checkpoint;

  void visit(FieldVisitor& v);
};

}  // namespace waiver
