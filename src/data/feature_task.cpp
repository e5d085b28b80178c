#include "data/feature_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/threads.h"

namespace waiver {

void FeatureTask::options(FieldVisitor& v) {
  v.field({"features", "features per token; model.width is the same", between(1, 65536)},
          features_);
  v.field({"gate_seed", "seed of the task's fixed vectors", at_least(0)}, gate_seed_);
  v.field({"dedicated",
           "tokens without features, in whose place the model learns a vector each "
           "(model.dedicated); nothing is answered there"},
          dedicated_);
}

void FeatureTask::open(int64_t context) {
  dedicated_->check(context);
  const Random random(gate_seed(), "gate");
  gate_.resize(features_);
  double squares = 0;
  for (int64_t f = 0; f < features_; ++f) {
    gate_[f] = random.normal(f);
    squares += gate_[f] * gate_[f];
  }
  for (double& g : gate_) g /= std::sqrt(squares);
}

double FeatureTask::along_gate(const float* x) const {
  double sum = 0;
  for (int64_t f = 0; f < features_; ++f) sum += gate_[f] * x[f];
  return sum;
}

void FeatureTask::fill(const Draws& draws, Batch& out) const {
  const int64_t T = out.tokens, F = features_, even = F + F % 2;
  out.features.assign(out.batch * T * F, 0.0f);
  out.answers.assign(out.batch * T * F, 0.0f);
  std::fill(out.inputs.begin(), out.inputs.end(), 0);
  parallel_ranges(out.batch, 4, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int32_t* ids = &out.inputs[b * T];
      float* x = &out.features[b * T * F];
      auto id = static_cast<int32_t>(kinds());
      for (const int64_t t : dedicated_->places(draws, b, T)) ids[t] = id++;
      const SequenceRandom random = draws.numbers("", b, T * even);
      for (int64_t t = 0; t < T; ++t)
        if (ids[t] < kinds()) random.normals(t * even, {x + t * F, static_cast<size_t>(F)});
      answer(x, T, ids, &out.answers[b * T * F]);
      for (int64_t t = 0; t < T; ++t) out.targets[b * T + t] = ids[t] < kinds() ? ids[t] : -1;
    }
  });
}

std::vector<std::string> FeatureTask::query_roles() const {
  std::vector<std::string> names = own_query_roles();
  if (dedicated() > 0) names.push_back("dedicated");
  return names;
}

int64_t FeatureTask::query_role(const int32_t* inputs, int64_t t) const {
  return inputs[t] < kinds() ? own_query_role(inputs[t]) : std::ssize(own_query_roles());
}

std::vector<std::string> FeatureTask::key_roles() const {
  std::vector<std::string> names;
  for (int64_t i = 1; i <= dedicated(); ++i)
    names.push_back(dedicated() == 1 ? "dedicated" : fmt::format("candidate_{}", i));
  if (const std::string own = own_key_role(); !own.empty()) names.push_back(own);
  names.insert(names.end(), {"first", "other"});
  return names;
}

int64_t FeatureTask::key_role(const int32_t* inputs, int64_t t) const {
  const int64_t own = own_key_role().empty() ? 0 : 1;
  if (inputs[t] >= kinds()) return inputs[t] - kinds();
  if (own == 1 && inputs[t] == kind_with_key_role()) return dedicated();
  return dedicated() + own + (t == 0 ? 0 : 1);
}

std::string FeatureTask::text(int32_t token) const {
  if (token < kinds()) return word(token);
  return dedicated() == 1 ? "<d>" : fmt::format("<d{}>", token - kinds() + 1);
}

bool FeatureTask::fixed(int64_t t) const { return std::ranges::count(dedicated_->fixed(), t) > 0; }

}  // namespace waiver
