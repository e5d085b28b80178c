#include "run/memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>

#include "autograd/ops/ops.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/output.h"
#include "core/rehearsal.h"
#include "core/text/table.h"
#include "model/transformer.h"
#include "probe/captured_pass.h"
#include "probe/probe_memory.h"
#include "train/deal.h"
#include "train/slices.h"
#include "train/trainer.h"

namespace waiver {
namespace {

constexpr int64_t kFloat = sizeof(float);
// What the libraries take at work, measured: generated kernels, buffers of threads, and the
// matrices of measure_gemm_rate.
constexpr int64_t kWork = 28 << 20;

/// Counts arenas and copies of arrays alike.
int64_t bytes_of(std::initializer_list<int64_t> extents, int64_t element = kFloat) {
  Shape shape(extents);
  shape.append(element);
  const int64_t bytes = shape.size();
  Rehearsal::take(bytes);
  return bytes;
}

// Forward and backward over one part of a step's batch, or, `shared`, over the largest
// of a rank's passes, which keep further uses of parameters apart; returns the bytes of those.
int64_t rehearse_step(const Config& config, const Transformer& model, int64_t rows, bool shared,
                      MemoryUse& use) {
  const int64_t T = config.model.context;
  const auto count = static_cast<size_t>(Shape{rows, T}.size());
  Arena given, arena;
  const std::span<const int32_t> tokens(given.array<int32_t>(count), count);
  Input input{tokens, rows, T};
  input.noise = Noise{};
  Tape tape(arena);
  Uses uses;
  if (shared) tape.separate(uses);
  if (config.train.recompute) tape.let_recompute();
  if (config.train.objective->predicts_tokens()) {
    tape.backward(model.loss(tape, input, tokens));
    use.logits = model.numbers_of_logits(tape, rows * T) * kFloat;
  } else {
    const Variable output = model.forward(tape, input);
    const std::span<const float> answers(output.value.data, output.value.size());
    tape.backward(squared_error(tape, output, answers, tokens));
  }
  use.activations = static_cast<int64_t>(arena.peak()) - use.logits;
  int64_t further = 0;
  for (const Uses::Use& further_use : uses.further()) further += further_use.gradient.size();
  return further * kFloat;
}

int64_t largest_parameter(const Transformer& model) {
  int64_t most = 0;
  for (const Parameter& p : model.parameters().all()) most = std::max(most, p.shape.size());
  return most * kFloat;
}

// A step's batch, and the parts that validation uses.
int64_t batch_bytes(const Config& config) {
  const int64_t features = config.data->features();
  const bool hides = config.train.objective->hides_tokens();
  return 2 * bytes_of({config.train.batch, config.model.context, 2 + hides + 2 * features});
}

int64_t count_due(int64_t steps, int64_t every) {
  constexpr int64_t most = int64_t{1} << 60;
  return every > 0 ? std::min(steps / every, most) + 1 : 0;
}

int64_t log_bytes(const Config& config, const ProbeMemory& probe) {
  const TrainConfig& train = config.train;
  const auto within = [&](const std::vector<int64_t>& steps) {
    return std::ranges::count_if(steps, [&](int64_t step) { return step <= train.steps; });
  };
  const int64_t probes = config.probe.every > 0 ? count_due(train.steps, config.probe.every) +
                                                      within(config.probe.first)
                                                : 0;
  constexpr int64_t columns = 8;  // of /train and /timing
  const int64_t image =
      bytes_of({count_due(train.steps, train.log_every), columns}, sizeof(double)) +
      bytes_of({probes, probe.row}, 1) +
      bytes_of({within(config.probe.snapshots) + 1, probe.map}, 1);
  return 2 * image;
}

/// MiB, GiB for large amounts, or KiB for small ones.
struct Unit {
  const char* name;
  double bytes;
  int decimals;

  explicit Unit(double most) : name("MiB"), bytes(0x1p20), decimals(0) {
    if (most < 0x1p20) name = "KiB", bytes = 0x1p10;
    if (most >= 10 * 0x1p30) name = "GiB", bytes = 0x1p30, decimals = 1;
  }
  std::string count(double amount) const {
    return fmt::format("{:.{}f}", amount / bytes, decimals);
  }
};

std::string amount(double bytes) {
  const Unit unit(bytes);
  return unit.count(bytes) + " " + unit.name;
}

/// A key that affects how much a run takes, and how to give it a moderate value.
struct CostlyKey {
  const char* name;
  void (*moderate)(Config&);
};

void at_most(int64_t& value, int64_t most) { value = std::min(value, most); }

constexpr std::array kKeys = {
    CostlyKey{"model.mlp.width", [](Config& c) { at_most(c.model.mlp.width, MlpConfig{}.width); }},
    CostlyKey{"train.batch", [](Config& c) { at_most(c.train.batch, c.train.accumulate); }},
    CostlyKey{"model.context", [](Config& c) { at_most(c.model.context, ModelConfig{}.context); }},
    CostlyKey{"model.head_width", [](Config& c) { at_most(c.model.head_width, 2); }},
    CostlyKey{"model.width", [](Config& c) { at_most(c.model.width, 2 * c.model.heads); }},
    CostlyKey{"model.layers", [](Config& c) { at_most(c.model.layers, 1); }},
    CostlyKey{"model.heads", [](Config& c) { at_most(c.model.heads, 1); }},
    CostlyKey{"probe.snapshots", [](Config& c) { c.probe.snapshots.clear(); }},
    CostlyKey{"probe.every", [](Config& c) { c.probe.every = 0; }},
    CostlyKey{"train.log_every",
              [](Config& c) { c.train.log_every = std::max<int64_t>(c.train.steps, 1); }},
    CostlyKey{"train.steps", [](Config& c) { at_most(c.train.steps, TrainConfig{}.steps); }},
};

/// Throws TooLarge where it is more than the second.
using Estimate = std::function<MemoryUse(const Config&, int64_t)>;

// The key whose reduction would save the most.
const char* greatest_key(const Config& config, const Estimate& estimate, int64_t most) {
  const char* greatest = "model";
  int64_t least = most;
  for (const CostlyKey& key : kKeys) try {
      Config other = config;
      key.moderate(other);
      const int64_t total = estimate(other, most).total();
      if (total < least) least = total, greatest = key.name;
    } catch (const TooLarge&) {
    }
  return greatest;
}

MemoryUse require(const Config& config, const char* what, const Estimate& estimate,
                  int64_t processes = 1) {
  const int64_t limit = memory_limit(), shared = shared_memory_limit(),
                most = 16 * limit;  // far enough to say how much it is
  const auto alone = [&](const std::string& takes) {
    return fmt::format("it would take {}; {} is what this process may use", takes,
                       memory_text(limit));
  };
  std::string problem;
  try {
    const MemoryUse use = estimate(config, most);
    const int64_t together = use.total() + (processes - 1) * use.others();
    if (use.total() <= limit && together <= shared) return use;
    problem = use.total() > limit
                  ? alone(use.text())
                  : fmt::format("its {} ranks here would take {} together; {} is what they may use",
                                processes, memory_text(together), memory_text(shared));
  } catch (const TooLarge&) {
    problem = alone("more than " + memory_text(most));
  }
  throw_placed(config, UsageError(greatest_key(config, estimate, most),
                                  fmt::format("{} does not fit into memory: {}", what, problem),
                                  "This key has the largest share in it."));
}

}  // namespace

std::string memory_text(int64_t bytes) { return amount(static_cast<double>(bytes)); }

int64_t MemoryUse::total() const {
  return weights + moments + activations + exchange + batch + logits + probes + log + saving +
         loading + program;
}

std::vector<std::pair<int64_t, std::string>> MemoryUse::parts() const {
  return {{weights, "weights"},
          {moments, "moments"},
          {activations, "activations"},
          {exchange, "exchange"},
          {batch, "batch"},
          {logits, "logits"},
          {probes, "probes"},
          {log, "log"},
          {saving, "saving"},
          {loading, "loading"},
          {program, "program and data"}};
}

std::string MemoryUse::text() const {
  auto sorted = parts();
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& part) { return part.first; });
  const auto whole = static_cast<double>(total());
  const Unit unit(whole);
  std::vector<std::string> words;
  for (const auto& [bytes, name] : sorted)
    if (100 * bytes > total()) words.push_back(name + " " + unit.count(static_cast<double>(bytes)));
  return fmt::format("about {}: {}", amount(whole), fmt::join(words, ", "));
}

Json MemoryUse::json() const {
  Json out = {{"total", total()}};
  for (const auto& [bytes, name] : parts()) out[name] = bytes;
  return out;
}

MemoryUse estimate_memory(const Config& config, const Dataset& data, int64_t most, int64_t ranks) {
  const Rehearsal rehearsal(most);
  MemoryUse use;
  Transformer model(config.model, data.vocabulary(), 0);
  freeze(config.train, model.parameters());
  use.parameters = model.parameters().count();
  use.weights = rehearsal.taken();
  const std::unique_ptr<Optimizer> optimizer = config.train.optimizer.make();
  const std::vector<Slice> slices = cut_in_slices(optimizer->cuts(model.parameters()), ranks);
  const Slice& slice = *std::ranges::max_element(slices, {}, &Slice::size);
  optimizer->build(model.parameters(), 0, slice);
  use.moments = rehearsal.taken() - use.weights;
  const int64_t sequences = std::max<int64_t>(1, config.train.batch / config.train.accumulate);
  const Deal deal(config.train.accumulate, sequences, ranks);
  const int64_t further =
      rehearse_step(config, model, deal.most_sequences(sequences), ranks > 1, use);
  if (ranks > 1) {
    use.exchange = bytes_of({1 + deal.most_sums(), slice.size()}) +
                   bytes_of({further + deal.most_sums() * further / ranks}, 1);
    // A validation's passes are those of one process.
    use.activations =
        std::max(use.activations, forward_memory(model, sequences, nullptr, true) - use.logits);
  }
  use.batch = batch_bytes(config);
  ProbeMemory probe;
  if (config.probe.every > 0) probe = probe_memory(model, data, config.probe);
  use.probes = probe.metrics() + probe.maps;
  if (config.probe.every > 0 && !config.probe.mechanism.empty())
    use.probes += mechanism_memory(model, data, config.probe);
  use.log = log_bytes(config, probe);
  // The state exists as HDF5's image, its copy, and that with the seal.
  use.saving = bytes_of({use.parameters});
  // With several ranks it is gathered before.
  const int64_t copies = ranks > 1 ? 4 : 3, numbers = std::ssize(model.parameters().values());
  for (size_t i = 0; i < optimizer->state().size(); ++i) use.saving += copies * bytes_of({numbers});
  use.program = resident() + kWork;
  return use;
}

MemoryUse require_memory(const Config& config, const Dataset& data, const Ranks& ranks) {
  return require(
      config, "the run",
      [&](const Config& other, int64_t most) {
        return estimate_memory(other, data, most, ranks.count());
      },
      ranks.here());
}

MemoryUse estimate_memory(const Config& config, const Dataset& data, const Reading& reading,
                          int64_t most) {
  const Rehearsal rehearsal(most);
  MemoryUse use;
  const Transformer model(config.model, data.vocabulary(), 0);
  use.parameters = model.parameters().count();
  use.weights = rehearsal.taken();
  use.program = resident() + kWork;
  std::vector<MemoryUse> parts(1, use);
  parts[0].loading = bytes_of({reading.checkpoint}, 1) + largest_parameter(model);
  const auto add = [&](int64_t MemoryUse::*what, const std::function<int64_t()>& bytes) {
    const Rehearsal alone(most);  // the parts are never in memory together
    parts.push_back(use);
    parts.back().*what = bytes();
    return parts.back().*what;
  };
  const auto probe = [&](When which) {
    return add(&MemoryUse::probes,
               [&] { return probe_memory(model, data, config.probe, which).metrics(); });
  };
  const int64_t rows =
      reading.validates ? std::max<int64_t>(1, config.train.batch / config.train.accumulate) : 1;
  add(&MemoryUse::activations, [&] { return forward_memory(model, rows, nullptr, true); });
  const bool risks = reading.validates && (data.is_task() || data.features() > 0);
  const bool measures = reading.measures || risks || !reading.arms.empty();
  const int64_t measured = measures ? probe(When::training) : 0;
  if (reading.probes) probe(When::on_demand);
  if (reading.mechanism)
    add(&MemoryUse::probes, [&] { return mechanism_memory(model, data, config.probe); });
  if (reading.captures)
    add(&MemoryUse::probes, [&] { return capture_memory(model, config.probe.batch); });
  for (const auto& arm : reading.arms)
    add(&MemoryUse::probes,
        [&] { return measured + edits_memory(model, config.probe.batch, arm); });
  return *std::ranges::max_element(parts, {}, &MemoryUse::total);
}

MemoryUse require_memory(const Config& config, const Dataset& data, const Reading& reading) {
  return require(config, "this model", [&](const Config& other, int64_t most) {
    return estimate_memory(other, data, reading, most);
  });
}

MemoryUse estimate_import(const Config& config, int64_t vocabulary, int64_t most) {
  const Rehearsal rehearsal(most);
  MemoryUse use;
  const Transformer model(config.model, vocabulary, 0);
  use.parameters = model.parameters().count();
  use.weights = rehearsal.taken();
  use.program = resident() + kWork;
  use.saving = bytes_of({use.parameters});
  return use;
}

MemoryUse require_import(const Config& config, int64_t vocabulary) {
  return require(config, "this model", [&](const Config& other, int64_t most) {
    return estimate_import(other, vocabulary, most);
  });
}

void tell(const MemoryUse& memory, const std::string& of) {
  print_notice(folded(fmt::format("Memory{}{}: {}.", of.empty() ? "" : " of ", of, memory.text()),
                      terminal_width()));
}

}  // namespace waiver
