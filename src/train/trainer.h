#pragma once

#include <memory>

#include "core/error.h"
#include "data/dataset.h"
#include "model/transformer.h"
#include "train/config.h"

namespace waiver {

/// The schedule's factor on lr for the update after `step` updates.
///   warm-up: (step + 1) / (warmup + 1) while step < warmup; then with p the share of the rest
///   done, constant 1; linear 1 − p (1 − final); cosine final + (1 − final)(1 + cos πp) / 2.
double schedule_factor(const ScheduleConfig& schedule, int64_t step, int64_t steps);

/// The outcome of one update.
struct StepReport {
  double loss = 0;       // mean over the batch's targets, before the update
  double grad_norm = 0;  // before clipping, of everything that is not frozen
  double lr = 0;
};

/// The loss, a gradient or a weight is NaN or infinite. `where` names the step and the place.
struct NotFinite : Error {
  using Error::Error;
};

/// Makes updates. The update after `step` updates depends on the weights, the optimizer's state,
/// the step and the seed, and on nothing else.
class Trainer {
 public:
  /// Freezes what the config names; throws UsageError for a pattern that matches no parameter.
  /// REQUIRES: model, data and config outlive the trainer; data is open.
  Trainer(const TrainConfig& config, Transformer& model, const Dataset& data, uint64_t seed);

  /// Makes update number `step`; throws NotFinite or Stopped, leaving the weights as they were.
  StepReport update(int64_t step);
  /// Throws NotFinite where a weight or a number of the optimizer's state is NaN or infinite after
  /// `step` updates.
  void check_state(int64_t step);
  /// From now on updates record in `profile` where their time goes; null: they do not.
  void set_profile(Profile* profile) { profile_ = profile; }
  Optimizer& optimizer() { return *optimizer_; }
  Arena& arena() { return arena_; }

 private:
  void mark(std::string_view name) const;
  // The part's share of the batch's loss.
  double forward_backward(int64_t step, int64_t part);
  struct Part {
    Input input;
    std::span<const int32_t> targets;
    std::span<const float> answers;
  };
  Part part_of_batch(int64_t step, int64_t part) const;
  double grad_norm() const;
  [[noreturn]] void explain_loss(int64_t step, int64_t part);
  void check_gradients(int64_t step, double norm) const;

  const TrainConfig& config_;
  Transformer& model_;
  const Dataset& data_;
  uint64_t seed_;
  std::unique_ptr<Optimizer> optimizer_;
  Batch batch_;
  int64_t targets_ = 0;  // how many the batch has
  Arena arena_;
  Profile* profile_ = nullptr;
};

}  // namespace waiver
