#include "train/flat_optimizer.h"

#include <algorithm>

#include "core/threads.h"

namespace waiver {
namespace {
constexpr int64_t kRange = 1 << 14;
}

void FlatOptimizer::decay_options(FieldVisitor& v) {
  static constexpr Choice choices[] = {{"all", "every parameter"},
                                       {"matrices", "not biases and not gains"}};
  v.field("weight_decay", weight_decay_, at_least(0), "pull of the weights towards 0");
  v.choice("decay", decay_, choices, "which parameters weight_decay pulls");
}

void FlatOptimizer::build(const ParameterSet& parameters) {
  memory_ = std::make_shared<Arena>();
  states_.clear();
  for (size_t i = 0; i < state_names().size(); ++i)
    states_.push_back(memory_->zeros({static_cast<int64_t>(parameters.values().size())}));
  ranges_.clear();
  for (const Parameter& p : parameters.all()) {
    const int64_t begin = parameters.offset(p), end = begin + p.shape.size();
    const double decay = decay_ == "all" || p.is_matrix() ? weight_decay_ : 0.0;
    for (int64_t at = begin; at < end; at += kRange)
      ranges_.push_back({at, std::min(end, at + kRange), decay});
  }
}

void FlatOptimizer::update(ParameterSet& parameters, const Update& how) {
  float* weights = parameters.values().data();
  const float* grads = parameters.grads().data();
  parallel_tiles(std::ssize(ranges_),
                 [&](int64_t i) { update_range(ranges_[i], weights, grads, how); });
}

std::vector<Optimizer::State> FlatOptimizer::state() {
  std::vector<State> out;
  for (const std::string& name : state_names()) {
    const Tensor& t = states_[out.size()];
    out.push_back({name, {t.data, static_cast<size_t>(t.size())}});
  }
  return out;
}

}  // namespace waiver
