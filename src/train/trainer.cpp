#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

// Finds the first captured point that holds NaN or infinity.
class FindNotFinite : public Capture {
 public:
  bool wants(int64_t, Point point) const override {
    // Whole maps of every block may not fit into memory; anything wrong in them shows in attn.mix.
    return where_.empty() && point != Point::attn_scores && point != Point::attn_pattern;
  }
  void take(int64_t layer, Point point, const Tensor& t) override {
    if (all_finite({t.data, static_cast<size_t>(t.size())})) return;
    where_ = point_name(layer, point);
  }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
};

Variable loss_of(Tape& tape, Variable output, std::span<const int32_t> targets,
                 std::span<const float> answers) {
  return answers.empty() ? cross_entropy(tape, output, targets)
                         : squared_error(tape, output, answers, targets);
}

}  // namespace

double schedule_factor(const ScheduleConfig& schedule, int64_t step, int64_t steps) {
  if (step < schedule.warmup)
    return static_cast<double>(step + 1) / (static_cast<double>(schedule.warmup) + 1.0);
  const int64_t rest = std::max<int64_t>(1, steps - schedule.warmup);
  const double p = std::min(1.0, static_cast<double>(step - schedule.warmup) / rest);
  if (schedule.kind == ScheduleKind::linear) return 1.0 - p * (1.0 - schedule.final);
  if (schedule.kind == ScheduleKind::cosine)
    return schedule.final + (1.0 - schedule.final) * 0.5 * (1.0 + std::cos(std::numbers::pi * p));
  return 1.0;
}

Trainer::Trainer(const TrainConfig& config, Transformer& model, const Dataset& data, uint64_t seed)
    : config_(config),
      model_(model),
      data_(data),
      seed_(seed),
      optimizer_(config.optimizer.make()) {
  for (const std::string& pattern : config_.freeze)
    if (model_.parameters().freeze(pattern) == 0)
      throw UsageError("train.freeze", "no parameter matches " + pattern);
  optimizer_->build(model_.parameters(), seed);
  batch_.resize(config_.batch, model_.config().context);
}

Trainer::Part Trainer::part_of_batch(int64_t step, int64_t part) const {
  const int64_t rows = config_.batch / config_.accumulate;
  const auto cut = [&](const auto& all) {
    const size_t count = all.size() / config_.accumulate;
    return std::span(all).subspan(part * count, count);
  };
  Part out{{cut(batch_.inputs), rows, batch_.tokens}, cut(batch_.targets), cut(batch_.answers)};
  out.input.noise = {seed_, step, part * rows};
  out.input.features = cut(batch_.features);
  out.input.whole = cut(batch_.whole);
  return out;
}

void Trainer::mark(std::string_view name) const {
  if (profile_) profile_->mark(name, Profile::around);
}

double Trainer::forward_backward(int64_t step, int64_t part) {
  arena_.reset();
  Tape tape(arena_, true, profile_);
  const auto [input, targets, answers] = part_of_batch(step, part);
  Variable loss = loss_of(tape, model_.forward(tape, input), targets, answers);
  const double value = loss.value.data[0];
  // The ratio of the whole batch's targets to the part's.
  const double parts = static_cast<double>(targets_) / static_cast<double>(count_targets(targets));
  if (std::isfinite(value)) tape.backward(loss, 1.0f / static_cast<float>(parts));
  return value / parts;
}

StepReport Trainer::update(int64_t step) {
  if (profile_) profile_->start();
  data_.batch(seed_, Split::train, step, batch_);
  targets_ = count_targets(batch_.targets);
  mark("batch");
  model_.parameters().zero_grads();
  mark("zero_grads");
  StepReport report;
  for (int64_t part = 0; part < config_.accumulate; ++part) {
    const double loss = forward_backward(step, part);
    if (!std::isfinite(loss)) explain_loss(step, part);
    report.loss += loss;
  }
  report.grad_norm = grad_norm();
  check_gradients(step, report.grad_norm);
  mark("grad_norm");

  Update how;
  how.step = step;
  how.lr_factor = schedule_factor(config_.schedule, step, config_.steps);
  if (config_.clip > 0) how.grad_factor = std::min(1.0, config_.clip / (report.grad_norm + 1e-6));
  report.lr = optimizer_->lr() * how.lr_factor;
  {
    const Uninterrupted whole;
    optimizer_->update(model_.parameters(), how);
  }
  mark("optimizer");
  if (profile_) profile_->stop();
  return report;
}

void Trainer::check_state(int64_t step) {
  const auto check = [&](const Parameter& p, std::span<const float> values, const char* what) {
    if (all_finite(values)) return;
    throw NotFinite(fmt::format("step {}, {}", step, p.name),
                    fmt::format("the last update produced NaN or infinity in {}", what),
                    "Lower train.optimizer.lr, lengthen train.schedule.warmup or set train.clip.");
  };
  const ParameterSet& parameters = model_.parameters();
  for (const Parameter& p : parameters.all()) {
    check(p, parameters.values().subspan(parameters.offset(p), p.shape.size()), "this weight");
    for (const Optimizer::State& state : optimizer_->state())
      check(p, state.values.subspan(parameters.offset(p), p.shape.size()),
            ("its " + state.name).c_str());
  }
}

double Trainer::grad_norm() const {
  constexpr int64_t range = 1 << 14;
  const std::span<float> grads = model_.parameters().grads();
  std::vector<double> partial((grads.size() + range - 1) / range);
  parallel_ranges(std::ssize(grads), range, [&](int64_t begin, int64_t end) {
    const float* g = grads.data();  // through the span the loop is not vectorised
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(g[i]) * g[i];
    partial[begin / range] = sum;
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return std::sqrt(sum);
}

void Trainer::explain_loss(int64_t step, int64_t part) {
  FindNotFinite find;
  arena_.reset();
  Tape tape(arena_, false);
  model_.forward(tape, part_of_batch(step, part).input, &find);
  throw NotFinite(fmt::format("step {}, {}", step, find.where().empty() ? "loss" : find.where()),
                  "the forward pass first produces NaN or infinity here",
                  "Lower train.optimizer.lr, lengthen train.schedule.warmup or set train.clip.");
}

void Trainer::check_gradients(int64_t step, double norm) const {
  if (std::isfinite(norm)) return;
  // The gradient flows from the last parameter to the first, so the last bad one is where it
  // started.
  std::string where = "gradients";
  for (const Parameter& p : model_.parameters().all()) {
    const Tensor& g = p.variable.grad;
    if (!all_finite({g.data, static_cast<size_t>(g.size())})) where = "gradient of " + p.name;
  }
  throw NotFinite(fmt::format("step {}, {}", step, where),
                  "the backward pass first produces NaN or infinity here",
                  "Lower train.optimizer.lr, lengthen train.schedule.warmup or set train.clip.");
}

}  // namespace waiver
