#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "core/error.h"
#include "core/math.h"
#include "core/rehearsal.h"
#include "core/stop.h"
#include "train/gradient_norm.h"

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

Variable loss_of(Tape& tape, const Transformer& model, const Input& input,
                 std::span<const int32_t> targets, std::span<const float> answers,
                 ShareOfLoss* share = nullptr) {
  return answers.empty() ? model.loss(tape, input, targets, share)
                         : squared_error(tape, model.forward(tape, input), answers, targets, share);
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

void freeze(const TrainConfig& config, ParameterSet& parameters) {
  for (const std::string& pattern : config.freeze)
    if (parameters.freeze(pattern) == 0)
      throw UsageError("train.freeze", "no parameter matches " + pattern);
}

Trainer::Trainer(const TrainConfig& config, Transformer& model, const Dataset& data, uint64_t seed,
                 Ranks& ranks)
    : config_(config),
      model_(model),
      data_(data),
      seed_(seed),
      optimizer_(config.optimizer.make()),
      ranks_(ranks),
      deal_(config.accumulate, config.batch / config.accumulate, ranks.count()),
      slices_(ranks, optimizer_->cuts(model.parameters())) {
  freeze(config_, model_.parameters());
  optimizer_->build(model_.parameters(), seed, slices_.own());
  batch_.resize(config_.batch, model_.config().context);
  if (!ranks.alone())
    shared_ = std::make_unique<SharedGradients>(slices_, model_.parameters(), further_uses());
}

Trainer::Part Trainer::part_of_batch(int64_t step, int64_t part, const BatchShare& share) const {
  const int64_t all = config_.batch / config_.accumulate;
  const int64_t first = share.count > 0 ? share.sequence(share.first) : 0;
  const int64_t rows = share.count > 0 ? share.sequence(share.first + share.count) - first : all;
  const auto cut = [&](const auto& numbers) {
    const size_t each = numbers.size() / config_.batch;
    return std::span(numbers).subspan((part * all + first) * each, rows * each);
  };
  Part out{{cut(batch_.inputs), rows, batch_.tokens}, cut(batch_.targets), cut(batch_.answers)};
  out.input.noise = {seed_, step, part * all + first};
  out.input.features = cut(batch_.features);
  out.input.whole = cut(batch_.whole);
  out.input.share = share;
  return out;
}

void Trainer::mark(std::string_view name) const {
  if (profile_) profile_->mark(name, Profile::around);
}

// The ratio of the whole batch's targets to the part's.
double Trainer::weight_of(int64_t part) const {
  return static_cast<double>(targets_) /
         static_cast<double>(count_targets(part_of_batch(0, part).targets));
}

// The part's share of the batch's loss.
double Trainer::forward_backward(int64_t step, int64_t part) {
  arena_.reset();
  Tape tape(arena_, true, profile_);
  if (config_.recompute) tape.let_recompute();
  const auto [input, targets, answers] = part_of_batch(step, part);
  Variable loss = loss_of(tape, model_, input, targets, answers);
  const double value = loss.value.data[0], parts = weight_of(part);
  if (std::isfinite(value)) tape.backward(loss, 1.0f / static_cast<float>(parts));
  return value / parts;
}

// The same for a pass over some of a part's sequences.
ShareOfLoss Trainer::forward_backward(int64_t step, const Deal::Pass& pass) {
  arena_.reset();
  uses_.reset();
  Tape tape(arena_, true, profile_);
  if (config_.recompute) tape.let_recompute();
  tape.separate(uses_);
  const int64_t sequences = config_.batch / config_.accumulate;
  const auto [input, targets, answers] =
      part_of_batch(step, pass.accumulated, {sequences, pass.first, pass.count});
  ShareOfLoss share{count_targets(part_of_batch(step, pass.accumulated).targets)};
  Variable loss = loss_of(tape, model_, input, targets, answers, &share);
  tape.backward(loss, 1.0f / static_cast<float>(weight_of(pass.accumulated)));
  return share;
}

// A pass that stops is given up: its gradients travel all the same, and all ranks throw them away
// together (agree).
ShareOfLoss Trainer::try_pass(int64_t step, const Deal::Pass& pass) try {
  const Interruptible alone;
  model_.parameters().zero_grads();
  mark("zero_grads");
  return forward_backward(step, pass);
} catch (const Stopped&) {
  return {};
}

// What further uses of parameters a pass has, found by going through the motions.
std::vector<SharedGradients::Further> Trainer::further_uses() const {
  const Rehearsal rehearsal(std::numeric_limits<int64_t>::max());
  Arena arena;
  Uses uses;
  Tape tape(arena);
  tape.separate(uses);
  const auto [input, targets, answers] = part_of_batch(0, 0);  // of no data, which nobody looks at
  tape.backward(cross_entropy(tape, model_.forward(tape, input), targets));
  std::vector<SharedGradients::Further> out;
  for (const Uses::Use& use : uses.further()) {
    const int64_t begin = use.parameter - model_.parameters().grads().data();
    out.push_back({begin, begin + use.gradient.size()});
  }
  return out;
}

// Adds up the gradients of all parts; returns the loss.
double Trainer::add_up(int64_t step) {
  model_.parameters().zero_grads();
  mark("zero_grads");
  double sum = 0;
  for (int64_t part = 0; part < config_.accumulate; ++part) {
    const double loss = forward_backward(step, part);
    if (!std::isfinite(loss)) explain_loss(step, part);
    sum += loss;
  }
  return sum;
}

double Trainer::add_up_shared(int64_t step) {
  std::vector<double> losses;
  shared_->start();
  for (const Deal::Round& round : deal_.rounds) {
    std::vector<ShareOfLoss> own;
    for (int64_t k = 0; k < Deal::deepest(round); ++k) {
      if (const Deal::Pass* pass = Deal::find(round, ranks_.own(), k)) {
        own.push_back(try_pass(step, *pass));
      }
      shared_->exchange(round, k, uses_);
      mark("exchange");
    }
    agree(step, round, own, losses);
    shared_->add(round);
    mark("add");
  }
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum;
}

// Tells all ranks the losses of the round's parts, and whether one of them was asked to stop.
void Trainer::agree(int64_t step, const Deal::Round& round, const std::vector<ShareOfLoss>& own,
                    std::vector<double>& losses) {
  struct Word {
    ShareOfLoss shares[2 * BatchParts::kMost];
    bool stops = false;
  } mine;
  std::ranges::copy(own, mine.shares);
  mine.stops = stop_requested();
  const std::vector<Word> all = ranks_.gather(mine);
  for (const Word& word : all)
    if (word.stops) throw Stopped("the run was interrupted");
  std::vector<int64_t> next(all.size());
  for (int64_t a = round.front().accumulated; a <= round.back().accumulated; ++a) {
    // As BatchParts::sum adds them.
    double sums[BatchParts::kMost] = {}, divisor = 1;
    int64_t parts = 0;
    for (const Deal::Pass& pass : round) {
      if (pass.accumulated != a) continue;
      const ShareOfLoss& share = all[pass.rank].shares[next[pass.rank]++];
      sums[pass.first] = share.sum, divisor = share.divisor;
      parts += pass.count;
    }
    for (int64_t apart = 1; apart < parts; apart *= 2)
      for (int64_t part = 0; part < parts; part += 2 * apart) sums[part] += sums[part + apart];
    const double loss = static_cast<float>(sums[0] / divisor) / weight_of(a);
    if (!std::isfinite(loss)) explain_loss(step, a);
    losses.push_back(loss);
  }
}

StepReport Trainer::update(int64_t step) {
  // A rank that leaves would let the others wait, so all of them stop together (agree).
  std::optional<Uninterrupted> together;
  if (shared_) together.emplace();
  if (profile_) profile_->start();
  data_.batch(seed_, Split::train, step, batch_);
  targets_ = count_targets(batch_.targets);
  mark("batch");
  StepReport report;
  report.loss = shared_ ? add_up_shared(step) : add_up(step);
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
    mark("optimizer");
    if (shared_) slices_.spread(model_.parameters().values());
  }
  if (shared_) mark("exchange");
  if (profile_) profile_->stop();
  return report;
}

Trainer::WholeState Trainer::whole_state() {
  WholeState out;
  out.arrays = optimizer_->state();
  if (ranks_.alone()) return out;
  for (Optimizer::State& array : out.arrays) {
    out.memory.push_back(slices_.collect(array.values));
    array.values = out.memory.back();
  }
  if (!ranks_.first()) out.arrays.clear();
  return out;
}

Trainer::WholeState Trainer::room_for_state() {
  WholeState out;
  out.arrays = optimizer_->state();
  for (Optimizer::State& array : out.arrays) {
    if (ranks_.alone()) break;
    out.memory.emplace_back(model_.parameters().values().size());
    array.values = out.memory.back();
  }
  return out;
}

void Trainer::spread(const WholeState& state) {
  if (ranks_.alone()) return;
  ranks_.broadcast(model_.parameters().values());
  const std::vector<Optimizer::State> own = optimizer_->state();
  for (size_t i = 0; i < own.size(); ++i)
    slices_.deal_out(ranks_.first() ? state.arrays[i].values : std::span<float>(), own[i].values);
}

void Trainer::check_state(int64_t step, const std::vector<Optimizer::State>& state) const {
  const auto check = [&](const Parameter& p, std::span<const float> values, const char* what) {
    if (all_finite(values)) return;
    throw NotFinite(fmt::format("step {}, {}", step, p.name),
                    fmt::format("the last update produced NaN or infinity in {}", what),
                    "Lower train.optimizer.lr, lengthen train.schedule.warmup or set train.clip.");
  };
  const ParameterSet& parameters = model_.parameters();
  for (const Parameter& p : parameters.all()) {
    check(p, parameters.values().subspan(parameters.offset(p), p.shape.size()), "this weight");
    for (const Optimizer::State& array : state)
      check(p, array.values.subspan(parameters.offset(p), p.shape.size()),
            ("its " + array.name).c_str());
  }
}

double Trainer::grad_norm() {
  if (shared_) return shared_->finish();
  const std::span<const float> grads = model_.parameters().grads();
  GradientNorm norm(std::ssize(grads));
  norm.add(grads, {0, std::ssize(grads)});
  return norm.value();
}

void Trainer::explain_loss(int64_t step, int64_t part) {
  FindNotFinite find;
  arena_.reset();
  Tape tape(arena_, false);
  tape.let_recompute();  // so that each block frees what it computes
  model_.forward(tape, part_of_batch(step, part).input, &find);
  throw NotFinite(fmt::format("step {}, {}", step, find.where().empty() ? "loss" : find.where()),
                  "the forward pass first produces NaN or infinity here",
                  "Lower train.optimizer.lr, lengthen train.schedule.warmup or set train.clip.");
}

void Trainer::check_gradients(int64_t step, double norm) {
  if (std::isfinite(norm)) return;
  if (shared_) slices_.spread(model_.parameters().grads());
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
