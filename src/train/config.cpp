#include "train/config.h"

namespace waiver {

void ScheduleConfig::visit(FieldVisitor& v) {
  static constexpr Choice kinds[] = {
      {"constant", "lr throughout"},
      {"cosine", "half a cosine from lr down towards final · lr, reached at the end"},
      {"linear", "a straight line from lr down towards final · lr, reached at the end"}};
  v.choice("kind", kind, kinds, "how the learning rate moves after the warm-up");
  v.field("warmup", warmup, at_least(0),
          "steps over which lr rises linearly from 0; a shorter run ends on the way");
  if (kind != "constant")
    v.field("final", final, between(0, 1), "where the learning rate ends, as a share of lr");
}

void EvalConfig::visit(FieldVisitor& v) {
  v.field("every", every, at_least(0), "steps between validations; 0: only at the end");
  v.field("batches", batches, at_least(1),
          "how many sequences a validation covers, in units of train.batch: the first ones of the "
          "validation part, each at most once, the same ones each time");
}

void CheckpointConfig::visit(FieldVisitor& v) {
  v.field("every", every, at_least(0), "steps between checkpoints; 0: only at the end");
  v.field("keep", keep, at_least(0), "how many of the newest checkpoints stay; 0: all");
  v.field("at", at, 0, at_least(0),
          "further steps whose checkpoints are saved and stay; 0: the initial weights");
}

void TrainConfig::visit(FieldVisitor& v) {
  v.field("steps", steps, at_least(0), "optimizer steps");
  v.field("batch", batch, between(1, 1 << 20), "sequences per step");
  v.field("tokens", tokens, at_least(0),
          "tokens per step, whatever the context: above 0, batch is tokens / model.context");
  v.field(
      "accumulate", accumulate, at_least(1),
      "parts that a step's batch, and a validation, is computed in, to save memory; results are "
      "the same but for rounding");
  objective.visit(v, "objective", "what is predicted");
  optimizer.visit(v, "optimizer", "the update rule");
  v.block("schedule", "learning rate over time",
          [this](FieldVisitor& inner) { schedule.visit(inner); });
  v.field("clip", clip, at_least(0), "largest gradient norm; 0: no clipping");
  v.field("freeze", freeze,
          "names of parameters that stay as they began, without gradient and decay; * stands for "
          "any characters: embed.*, blocks.0.*, and in quotes \"*.bias\"");
  v.field("log_every", log_every, at_least(1), "steps between rows of /train");
  v.block("eval", "validation", [this](FieldVisitor& inner) { eval.visit(inner); });
  v.block("checkpoint", "saved states", [this](FieldVisitor& inner) { checkpoint.visit(inner); });
}

}  // namespace waiver
