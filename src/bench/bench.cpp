#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/machine.h"
#include "core/memory.h"
#include "core/products/gemm.h"
#include "core/statistics/order.h"
#include "core/threads.h"
#include "model/flops.h"
#include "probe/prober.h"
#include "train/trainer.h"

namespace waiver {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kProbeEvery = 10;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The median that belongs to an actual round.
double median(const std::vector<double>& values) { return values[median_index(values)]; }

// What a workload is compared with: the same without its switch, or in float32.
std::optional<Workload> plain_of(const Workload& workload) {
  if (!workload.setting.empty()) return plain_workload();
  if (workload.model.precision == Precision::float32) return {};
  Workload plain = workload;
  plain.model.precision = Precision::float32;
  plain.probes = false;
  return plain;
}

/// A model in training, the other things timed beside it, and what each round took.
class Bench {
 public:
  Bench(const Workload& workload, const BenchOptions& options)
      : workload_(workload),
        data_(workload_data(workload)),
        model_(workload.model, data_->vocabulary(), 0),
        trainer_(workload_.train, model_, *data_, 0) {
    if (workload.probes) prober_.emplace(model_, *data_, ProbeConfig{}, 0);
    warm_up(options.round_seconds);
    resident_ = peak_resident();  // of this model alone
    if (const auto plain = plain_of(workload))
      plain_ =
          std::make_unique<Bench>(*plain, BenchOptions{.round_seconds = options.round_seconds});
    if (options.python.empty() || !workload.setting.empty()) return;
    torch_.emplace(workload, options.python);
    torch_->warm_up();
  }

  void round() {
    peaks_.push_back(measure_gemm_rate(workload_.model.precision));
    profiles_.emplace_back();
    const double plain = plain_ ? plain_->train(steps_per_round_, nullptr) : 0;
    steps_.push_back(train(steps_per_round_, &profiles_.back()));
    if (plain_) ratios_.push_back(steps_.back() / plain);
    if (prober_) probes_.push_back(probe());
    if (torch_) torch_round();
  }

  BenchResult result() {
    BenchResult r;
    r.workload = workload_;
    r.threads = threads();
    r.rounds = std::ssize(steps_);
    r.steps_per_round = steps_per_round_;
    r.ms_per_step = median(steps_);
    r.tokens_per_second = 1000.0 * static_cast<double>(workload_.tokens()) / r.ms_per_step;
    r.useful_gflops =
        r.tokens_per_second * useful_flops_per_token(workload_.model, workload_.vocabulary) * 1e-9;
    r.peak_gflops = median(peaks_);
    r.share_of_peak = r.useful_gflops / r.peak_gflops;
    add_memory(r);
    add_rows(r, profiles_[median_index(steps_)]);
    if (prober_) {
      r.probe_ms = median(probes_);
      r.probe_share = *r.probe_ms / (*r.probe_ms + kProbeEvery * r.ms_per_step);
    }
    if (plain_) r.plain_ratio = median(ratios_);
    if (torch_) r.torch = torch_result(r.ms_per_step);
    return r;
  }

 private:
  // The first step sizes the arena; the second tells how many steps make a round.
  void warm_up(double round_seconds) {
    train(1, nullptr);
    const double ms = train(1, nullptr);
    steps_per_round_ = std::max<int64_t>(1, std::llround(1000.0 * round_seconds / ms));
    if (prober_) probe();
  }

  double train(int64_t steps, Profile* profile) {
    trainer_.set_profile(profile);
    const auto start = Clock::now();
    for (int64_t i = 0; i < steps; ++i) trainer_.update(step_++);
    const double ms = ms_since(start) / static_cast<double>(steps);
    trainer_.set_profile(nullptr);
    return ms;
  }

  double probe() {
    const auto start = Clock::now();
    prober_->measure();
    return ms_since(start);
  }

  void torch_round() {
    const auto mean = [&](auto step) {
      double ms = 0;
      for (int64_t i = 0; i < steps_per_round_; ++i) ms += step();
      return ms / static_cast<double>(steps_per_round_);
    };
    torch_->measure_products();
    eager_.push_back(mean([&] { return torch_->eager_step(); }));
    if (!torch_->setup().not_compiled)
      compiled_.push_back(mean([&] { return torch_->compiled_step(); }));
  }

  BenchResult::Torch torch_result(double own_ms) const {
    BenchResult::Torch out = {.setup = torch_->setup(), .eager_ms = median(eager_)};
    if (!compiled_.empty()) out.compiled_ms = median(compiled_);
    out.best_ms = std::min(out.eager_ms, out.compiled_ms.value_or(out.eager_ms));
    out.ratio = out.best_ms / own_ms;
    return out;
  }

  void add_memory(BenchResult& r) {
    const ParameterSet& parameters = model_.parameters();
    r.parameter_bytes =
        static_cast<int64_t>(parameters.values().size_bytes() + parameters.grads().size_bytes());
    for (const Optimizer::State& state : trainer_.optimizer().state())
      r.optimizer_bytes += static_cast<int64_t>(state.values.size_bytes());
    r.arena_bytes = static_cast<int64_t>(trainer_.arena().capacity());
    r.peak_resident_bytes = resident_;
  }

  void add_rows(BenchResult& r, const Profile& profile) const {
    const double per_step = 1.0 / static_cast<double>(steps_per_round_);
    TileLoops all;
    std::vector<TileLoops> loops;
    double marked = 0;
    for (const Profile::Entry& entry : profile.entries()) {
      auto row = std::ranges::find(r.rows, entry.name, &BenchRow::name);
      if (row == r.rows.end()) {
        row = r.rows.insert(row, {.name = std::string(entry.name)});
        loops.emplace_back();
      }
      const double ms = 1000.0 * entry.seconds * per_step;
      (entry.pass == Profile::forward    ? row->forward_ms
       : entry.pass == Profile::backward ? row->backward_ms
                                         : row->around_ms) += ms;
      marked += ms;
      loops[row - r.rows.begin()] += entry.loops;
      all += entry.loops;
    }
    for (size_t i = 0; i < loops.size(); ++i) {
      if (loops[i].tiles == 0) continue;
      r.rows[i].fewest_tiles = loops[i].fewest;
      r.rows[i].microseconds_per_tile =
          1e6 * loops[i].seconds * r.threads / static_cast<double>(loops[i].tiles);
    }
    r.rows.push_back({.name = "other", .around_ms = r.ms_per_step - marked});
    const double step_seconds = 1e-3 * r.ms_per_step;
    r.serial_share = 1.0 - all.seconds * per_step / step_seconds;
    r.few_tiles_share = all.few_seconds * per_step / step_seconds;
  }

  Workload workload_;
  std::unique_ptr<Dataset> data_;
  Transformer model_;
  Trainer trainer_;
  std::optional<Prober> prober_;
  std::optional<TorchStep> torch_;
  std::unique_ptr<Bench> plain_;  // the same without the switch
  int64_t step_ = 0, steps_per_round_ = 1, resident_ = 0;
  std::vector<double> peaks_, steps_, probes_, eager_, compiled_, ratios_;
  std::deque<Profile> profiles_;
};

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const BenchResult::Torch& torch) {
  return {{"version", torch.setup.version},
          {"blas", torch.setup.blas},
          {"gemm_gflops", torch.setup.gemm_gflops},
          {"remedy", or_null(torch.setup.remedy)},
          {"gemm_gflops_before_remedy", or_null(torch.setup.gflops_before)},
          {"own_gemm_gflops", torch.setup.own_gflops},
          {"bfloat16_gemm_gflops", or_null(torch.setup.bfloat16_gflops)},
          {"slowed", torch.setup.slowed()},
          {"eager_ms", torch.eager_ms},
          {"compiled_ms", or_null(torch.compiled_ms)},
          {"not_compiled", or_null(torch.setup.not_compiled)},
          {"ratio", torch.ratio}};
}

Json to_json(const BenchResult& r) {
  const ModelConfig& m = r.workload.model;
  Json out = {
      {"workload", r.workload.name},
      {"setting", r.workload.setting},
      {"precision", std::string(word(m.precision))},
      {"layers", m.layers},
      {"heads", m.heads},
      {"width", m.width},
      {"mlp_width", m.mlp.width},
      {"context", m.context},
      {"vocabulary", r.workload.vocabulary},
      {"batch", r.workload.train.batch},
      {"threads", r.threads},
      {"rounds", r.rounds},
      {"steps_per_round", r.steps_per_round},
      {"ms_per_step", r.ms_per_step},
      {"tokens_per_second", r.tokens_per_second},
      {"useful_flops_per_token", useful_flops_per_token(r.workload.model, r.workload.vocabulary)},
      {"useful_gflops", r.useful_gflops},
      {"picoseconds_per_useful_flop", 1000.0 / r.useful_gflops},
      {"peak_gflops", r.peak_gflops},
      {"share_of_peak", r.share_of_peak},
      {"serial_share", r.serial_share},
      {"few_tiles_share", r.few_tiles_share},
      {"parameter_bytes", r.parameter_bytes},
      {"optimizer_bytes", r.optimizer_bytes},
      {"arena_bytes", r.arena_bytes},
      {"peak_resident_bytes", r.peak_resident_bytes}};
  for (const BenchRow& row : r.rows)
    out["rows"].push_back({{"name", row.name},
                           {"forward_ms", row.forward_ms},
                           {"backward_ms", row.backward_ms},
                           {"around_ms", row.around_ms},
                           {"fewest_tiles", row.fewest_tiles},
                           {"microseconds_per_tile", row.microseconds_per_tile}});
  if (r.probe_ms) {
    out["probe_ms"] = *r.probe_ms;
    out["probe_share"] = *r.probe_share;
  }
  if (r.plain_ratio) out["plain_ratio"] = *r.plain_ratio;
  if (r.torch) out["torch"] = to_json(*r.torch);
  return out;
}

}  // namespace

BenchResult measure(const Workload& workload, const BenchOptions& options) {
  reset_peak_resident();
  Bench bench(workload, options);
  for (int64_t i = 0; i < options.rounds; ++i) bench.round();
  return bench.result();
}

void check_results_file(const std::string& path) {
  if (!std::filesystem::exists(path)) return;
  const Json there = std::filesystem::is_regular_file(path) ? parse_json(read_file(path)) : Json();
  if (there.is_object() && there.contains("machine") && there.contains("results")) return;
  throw UsageError(path, "this exists already and holds no figures of bench, so it is not replaced",
                   "Choose another place with --json.");
}

std::string results_json(const std::vector<BenchResult>& results) {
  Json json;
  for (const auto& [name, value] : machine_facts()) json["machine"][name] = value;
  for (const BenchResult& result : results) json["results"].push_back(to_json(result));
  return json_lines(json);
}

}  // namespace waiver
