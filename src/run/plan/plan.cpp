#include "run/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/products/gemm.h"
#include "core/text/table.h"
#include "core/threads.h"
#include "model/flops.h"
#include "run/console.h"
#include "run/start_weights.h"
#include "train/deal.h"

namespace waiver {
namespace {

constexpr int64_t kMost = int64_t{1} << 50;  // bytes; what is simulated need not fit here

// `85.4 GFLOP`: three digits and a prefix of the SI.
std::string in_units(double x, const char* unit) {
  constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  size_t i = 0;
  for (; x >= 999.5 && i + 1 < std::size(kPrefixes); ++i) x /= 1000;
  return fmt::format("{:.{}f} {}{}", x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0, kPrefixes[i], unit);
}

std::string seconds_text(double seconds) {
  if (seconds >= 10) return duration_text(seconds);
  return seconds >= 0.1 ? fmt::format("{:.2f} s", seconds)
                        : fmt::format("{:.{}f} ms", 1e3 * seconds, seconds < 0.01 ? 2 : 1);
}

double tokens_a_step(const Config& config) {
  return static_cast<double>(config.train.batch) * static_cast<double>(config.model.context);
}

double probe_seconds(const Config& config, const Pace& pace) {
  return pace.probe * static_cast<double>(config.train.steps + 1) + pace.mechanisms;
}

double validation_seconds(const Config& config, const Pace& pace) {
  return pace.validation * static_cast<double>(Pace::validations(config));
}

}  // namespace

Plan Plan::of(const Config& config, double seconds, const std::vector<int64_t>& ranks,
              const std::vector<int64_t>& threads, const Network& network) {
  const auto data = open_training_data(config);
  check_start(config, *data);
  Plan plan;
  plan.memory = require_memory(config, *data);
  std::map<int64_t, MemoryUse> memory = {{1, plan.memory}};
  for (const int64_t R : ranks)
    if (!memory.contains(R)) memory[R] = estimate_memory(config, *data, kMost, R);
  plan.flops_a_token = useful_flops_per_token(config.model, data->vocabulary());
  plan.flops_a_step = plan.flops_a_token * tokens_a_step(config);
  plan.pace = Pace::of(config, seconds);
  plan.peak_flops_per_second = 1e9 * measure_gemm_rate(config.model.precision);
  if (plan.pace.step > 0) plan.step_flops_per_second = plan.flops_a_step / plan.pace.step;
  plan.network = network;
  std::set<std::pair<int64_t, int64_t>> known;
  const auto add = [&](int64_t R, int64_t p) {
    if (!known.emplace(R, p).second) return;
    plan.scaling.push_back(Scaling::of(config, *data, plan.pace, R, p, network));
    plan.scaling.back().memory = memory.at(R).total();
    plan.scaling.back().others = R == 1 ? 0 : memory.at(R).others();
  };
  add(1, plan.pace.threads);
  for (const int64_t R : ranks)
    for (const int64_t p : threads) add(R, p);
  return plan;
}

std::string Plan::text(const Config& config, int64_t width) const {
  const auto steps = static_cast<double>(config.train.steps);
  Table table{{{Align::left, 10}, {.wraps = true}}, {}};
  const auto row = [&](const char* name, const std::string& text) {
    table.rows.push_back({name, text});
  };
  row("model", fmt::format("{} layers, {} heads, width {}, context {}, {}: {} parameters",
                           config.model.layers, config.model.heads, config.model.width,
                           config.model.context, config.model.position.name(), memory.parameters));
  row("compute", fmt::format("{} a token and step, {} a step of {:.0f} tokens, {} in {} steps",
                             in_units(flops_a_token, "FLOP"), in_units(flops_a_step, "FLOP"),
                             tokens_a_step(config), in_units(flops_a_step * steps, "FLOP"),
                             config.train.steps));
  row("memory", memory.text());
  row("step", fmt::format("{} on {} thread{}: {}, {:.0f} % of what products alone reach here; "
                          "{:.0f} steps an hour",
                          seconds_text(pace.step), threads(), threads() == 1 ? "" : "s",
                          in_units(step_flops_per_second, "FLOP/s"),
                          100 * step_flops_per_second / peak_flops_per_second,
                          pace.step > 0 ? 3600 / pace.step : 0));
  row("run",
      fmt::format("{}: training {}, probes {}, validation {}", seconds_text(pace.seconds(config)),
                  seconds_text(steps * pace.step), seconds_text(probe_seconds(config, pace)),
                  seconds_text(validation_seconds(config, pace))));
  return to_text(table, width) + "\n" + scaling_text(width);
}

std::string Plan::scaling_text(int64_t width) const {
  Table table{std::vector<Column>(8, {Align::right}),
              {{"ranks", "threads", "step", "speed-up", "exchange", "sent", "memory", "others"}},
              0,
              true,
              2};
  for (const Scaling& s : scaling)
    table.rows.push_back({std::to_string(s.ranks), std::to_string(s.threads),
                          seconds_text(s.step()),
                          fmt::format("{:.2f}", scaling[0].step() / s.step()),
                          s.ranks == 1 ? "–" : fmt::format("{:.0f} %", 100 * s.exchange / s.step()),
                          s.ranks == 1 ? "–" : memory_text(s.sent), memory_text(s.memory),
                          s.ranks == 1 ? "–" : memory_text(s.others)});
  return folded(fmt::format("By simulation from the tiles of {} thread{}, with a machine for each "
                            "rank and a network of {:.0f} µs and {}: the step, how much of it is "
                            "exchange, and what a rank sends in it, at the most; memory of rank 0, "
                            "which also saves, and of the others.",
                            pace.threads, pace.threads == 1 ? "" : "s", 1e6 * network.latency,
                            in_units(network.bandwidth, "B/s")),
                width) +
         "\n" + to_text(table, width) + idle_text(width);
}

std::string Plan::idle_text(int64_t width) const {
  int64_t busy = 1, most = 1;
  for (const Scaling& s : scaling) busy = std::max(busy, s.busy), most = std::max(most, s.ranks);
  if (most <= busy) return {};
  return "\n" +
         folded(fmt::format("More than {} ranks have nothing to compute: {}.", busy, Deal::kIdle),
                width);
}

Json Plan::json(const Config& config) const {
  Json simulated = Json::array();
  for (const Scaling& s : scaling)
    simulated.push_back({{"ranks", s.ranks},
                         {"threads", s.threads},
                         {"seconds", s.step()},
                         {"passes", s.passes},
                         {"rest", s.rest},
                         {"exchange", s.exchange},
                         {"sums", s.sums},
                         {"sent", s.sent},
                         {"busy", s.busy},
                         {"memory", s.memory},
                         {"others", s.others}});
  return {{"parameters", memory.parameters},
          {"flops_a_token", flops_a_token},
          {"flops_a_step", flops_a_step},
          {"tokens_a_step", tokens_a_step(config)},
          {"steps", config.train.steps},
          {"memory", memory.json()},
          {"threads", threads()},
          {"seconds",
           {{"step", pace.step},
            {"run", pace.seconds(config)},
            {"training", pace.step * static_cast<double>(config.train.steps)},
            {"probes", probe_seconds(config, pace)},
            {"validation", validation_seconds(config, pace)}}},
          {"flops_per_second", step_flops_per_second},
          {"peak_flops_per_second", peak_flops_per_second},
          {"network", {{"latency", network.latency}, {"bandwidth", network.bandwidth}}},
          {"simulated", simulated}};
}

}  // namespace waiver
