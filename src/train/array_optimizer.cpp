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

std::vector<int64_t> ArrayOptimizer::cuts(const ParameterSet& parameters) const {
  std::vector<int64_t> out;
  for (const Parameter& p : parameters.all()) out.push_back(parameters.offset(p));
  out.push_back(std::ssize(parameters.values()));
  return out;
}

void ArrayOptimizer::build(const ParameterSet&, uint64_t, const Slice& own) {
  own_ = own;
  memory_ = std::make_shared<Arena>();
  states_.clear();
  for (size_t i = 0; i < state_names().size(); ++i) states_.push_back(memory_->zeros({own.size()}));
}

std::vector<ArrayOptimizer::Range> ArrayOptimizer::ranges_of(const ParameterSet& parameters,
                                                             const Parameter& p) const {
  constexpr int64_t length = 1 << 14;
  std::vector<Range> out;
  const int64_t begin = parameters.offset(p), end = begin + p.shape.size();
  for (int64_t at = begin; at < end; at += length) {
    const int64_t first = std::max(at, own_.begin), last = std::min({end, at + length, own_.end});
    if (first < last) out.push_back({first, last, decay_of(p)});
  }
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
