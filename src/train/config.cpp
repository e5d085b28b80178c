#include "train/config.h"

namespace waiver {

std::span<const Choice> words(ScheduleKind) {
  static constexpr Choice all[] = {
      {"constant", "lr throughout"},
      {"cosine", "half a cosine from lr down towards final · lr, reached at the end"},
      {"linear", "a straight line from lr down towards final · lr, reached at the end"}};
  return all;
}

void ScheduleConfig::visit(FieldVisitor& v) {
  v.field({"kind", "how the learning rate changes after the warm-up"}, kind);
  v.field(
      {"warmup", "steps over which lr rises linearly from 0; a shorter run ends during the warm-up",
       at_least(0)},
      warmup);
  v.field(Field{"final", "where the learning rate ends, as a share of lr", between(0, 1)}.only(
              where("kind", kind, {ScheduleKind::cosine, ScheduleKind::linear})),
          final);
}

void EvalConfig::visit(FieldVisitor& v) {
  v.field({"every", "steps between validations; 0: only at the end", at_least(0)}, every);
  v.field({"batches",
           "how many sequences a validation covers, in units of train.batch: the first of the "
           "validation part, each at most once, the same every time",
           at_least(1)},
          batches);
}

void CheckpointConfig::visit(FieldVisitor& v) {
  v.field({"every", "steps between checkpoints; 0: only at the end", at_least(0)}, every);
  v.field({"keep", "how many of the newest checkpoints are kept; 0: all", at_least(0)}, keep);
  v.field({"at", "further steps whose checkpoints are saved and kept; 0: the initial weights",
           at_least(0)},
          at);
}

void TrainConfig::visit(FieldVisitor& v) {
  v.field({"steps", "optimizer steps", at_least(0)}, steps);
  v.field({"batch", "sequences per step", between(1, 1 << 20)}, batch);
  v.field(
      {"tokens", "tokens per step, whatever the context; above 0, batch is tokens / model.context",
       at_least(0)},
      tokens);
  v.field({"accumulate",
           "how many parts a step's batch, or a validation, is computed in, to save memory; "
           "results are the same up to rounding",
           at_least(1)},
          accumulate);
  v.field({"recompute",
           "whether backward computes the activations of blocks, and the logits of a large "
           "vocabulary, anew instead of keeping them, to save memory for up to a third more time; "
           "results are the same, to the bit"},
          recompute);
  v.field({"objective", "what is predicted"}, objective);
  v.field({"optimizer", "the update rule"}, optimizer);
  v.field({"schedule", "learning rate over time"}, schedule);
  v.field({"clip", "largest gradient norm; 0: no clipping", at_least(0)}, clip);
  v.field({"freeze",
           "names of parameters that keep their initial values, without gradient or decay; * "
           "stands for any characters: embed.*, blocks.0.*, and in quotes \"*.bias\""},
          freeze);
  v.field({"from",
           "a checkpoint whose weights training begins with, in place of initial ones, relative to "
           "the working directory: RUN/checkpoints/step-…; \"\": none. Its model is "
           "the same but for mask, precision and dropout, its tokens are the data's, and its "
           "optimizer's state is not taken over"},
          from);
  v.field({"log_every", "steps between rows of /train", at_least(1)}, log_every);
  v.field({"eval", "validation"}, eval);
  v.field({"checkpoint", "saved states"}, checkpoint);
}

}  // namespace waiver
