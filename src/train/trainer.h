#pragma once

#include <memory>

#include "core/error.h"
#include "data/dataset.h"
#include "model/transformer.h"
#include "train/config.h"
#include "train/shared_gradients.h"

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

/// Freezes what the config names; throws UsageError for a pattern that matches no parameter.
void freeze(const TrainConfig& config, ParameterSet& parameters);

/// Makes updates. The update after `step` updates depends on the weights, the optimizer's state,
/// the step and the seed, and on nothing else: not on the number of ranks that share its work, all
/// of which have the same weights before and after it, and each a slice of the optimizer's state.
class Trainer {
 public:
  /// Freezes what the config names; throws UsageError for a pattern that matches no parameter.
  /// REQUIRES: model, data, config and ranks outlive the trainer; data is open.
  Trainer(const TrainConfig& config, Transformer& model, const Dataset& data, uint64_t seed,
          Ranks& ranks = no_other_ranks());

  // All ranks call these together.
  /// Makes update number `step`; throws NotFinite or Stopped, leaving the weights as they were.
  StepReport update(int64_t step);
  /// The whole optimizer's state, on rank 0; the others return nothing.
  struct WholeState {
    std::vector<Optimizer::State> arrays;
    std::vector<std::vector<float>> memory;  // of what other ranks keep
  };
  WholeState whole_state();
  /// The same, to be filled; the others' have no arrays.
  WholeState room_for_state();
  /// The weights and the state of all ranks become those of rank 0, which gives the whole state.
  void spread(const WholeState& state);

  /// Throws NotFinite where a weight or a number of the state is NaN or infinite after `step`
  /// updates.
  void check_state(int64_t step, const std::vector<Optimizer::State>& state) const;
  /// From now on updates record in `profile` where their time goes; null: they do not.
  void set_profile(Profile* profile) { profile_ = profile; }
  /// Its state is this rank's slice.
  Optimizer& optimizer() { return *optimizer_; }
  Arena& arena() { return arena_; }
  const Deal& deal() const { return deal_; }
  /// What the rank that sends the most sends in a step, in bytes.
  int64_t most_sent() const { return shared_ ? shared_->most_sent(deal_) : 0; }

 private:
  struct Part {
    Input input;
    std::span<const int32_t> targets;
    std::span<const float> answers;
  };
  void mark(std::string_view name) const;
  Part part_of_batch(int64_t step, int64_t part, const BatchShare& share = {}) const;
  double weight_of(int64_t part) const;
  double forward_backward(int64_t step, int64_t part);
  ShareOfLoss forward_backward(int64_t step, const Deal::Pass& pass);
  ShareOfLoss try_pass(int64_t step, const Deal::Pass& pass);
  double add_up(int64_t step);
  double add_up_shared(int64_t step);
  void agree(int64_t step, const Deal::Round& round, const std::vector<ShareOfLoss>& own,
             std::vector<double>& losses);
  std::vector<SharedGradients::Further> further_uses() const;
  double grad_norm();
  [[noreturn]] void explain_loss(int64_t step, int64_t part);
  void check_gradients(int64_t step, double norm);

  const TrainConfig& config_;
  Transformer& model_;
  const Dataset& data_;
  uint64_t seed_;
  std::unique_ptr<Optimizer> optimizer_;
  Batch batch_;
  int64_t targets_ = 0;  // how many the batch has
  Arena arena_;
  Profile* profile_ = nullptr;

  Ranks& ranks_;
  Deal deal_;
  Slices slices_;
  Uses uses_;
  std::unique_ptr<SharedGradients> shared_;  // null where there are no other ranks
};

}  // namespace waiver
