#include "train/array_optimizer.h"

#include <algorithm>

namespace waiver {

std::span<const Choice> words(Decayed) {
  static constexpr Choice all[] = {{"all", "every parameter"},
                                   {"matrices", "all but biases and gains"}};
  return all;
}

void ArrayOptimizer::decay_options(FieldVisitor& v) {
  v.field({"weight_decay", "pull of the weights towards 0", at_least(0)}, weight_decay_);
  v.field({"decay", "which parameters weight_decay pulls"}, decay_);
}

void ArrayOptimizer::build(const ParameterSet& parameters, uint64_t) {
  memory_ = std::make_shared<Arena>();
  states_.clear();
  for (size_t i = 0; i < state_names().size(); ++i)
    states_.push_back(memory_->zeros({static_cast<int64_t>(parameters.values().size())}));
}

std::vector<ArrayOptimizer::Range> ArrayOptimizer::ranges_of(const ParameterSet& parameters,
                                                             const Parameter& p) const {
  constexpr int64_t length = 1 << 14;
  std::vector<Range> out;
  const int64_t begin = parameters.offset(p), end = begin + p.shape.size();
  for (int64_t at = begin; at < end; at += length)
    out.push_back({at, std::min(end, at + length), decay_of(p)});
  return out;
}

std::vector<Optimizer::State> ArrayOptimizer::state() {
  std::vector<State> out;
  for (const std::string& name : state_names()) {
    const Tensor& t = states_[out.size()];
    out.push_back({name, {t.data, static_cast<size_t>(t.size())}});
  }
  return out;
}

}  // namespace waiver
