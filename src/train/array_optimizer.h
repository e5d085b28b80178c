#pragma once

#include "core/arena.h"
#include "train/optimizer.h"

namespace waiver {

/// Which parameters weight decay pulls.
enum class Decayed { all, matrices };
std::span<const Choice> words(Decayed);

/// What optimizers share: a learning rate, weight decay on a group of parameters, and state arrays
/// laid out like the weights.
class ArrayOptimizer : public Optimizer {
 public:
  double lr() const override { return lr_; }
  /// Between parameters.
  std::vector<int64_t> cuts(const ParameterSet& parameters) const override;
  using Optimizer::build;
  void build(const ParameterSet& parameters, uint64_t seed, const Slice& own) override;
  std::vector<State> state() override;

  /// Weights [begin, end) of one parameter, and their weight decay.
  struct Range {
    int64_t begin, end;
    double decay;
  };

 protected:
  const Slice& own() const { return own_; }
  /// The ranges of fixed length that a parameter is updated in, as far as they are in the slice.
  std::vector<Range> ranges_of(const ParameterSet& parameters, const Parameter& p) const;
  virtual std::vector<std::string> state_names() const = 0;
  void decay_options(FieldVisitor& v);
  double decay_of(const Parameter& p) const {
    return decay_ == Decayed::all || p.is_matrix() ? weight_decay_ : 0.0;
  }
  /// Of the number at this place of the flat views. REQUIRES: it is in the slice.
  float* state_at(int which, int64_t number) const {
    return states_[which].data + (number - own_.begin);
  }

  double lr_ = 3e-4;
  double weight_decay_ = 0.0;

 private:
  Decayed decay_ = Decayed::all;
  Slice own_;
  std::shared_ptr<Arena> memory_;
  std::vector<Tensor> states_;
};

}  // namespace waiver
