#include "probe/probe_memory.h"

#include <algorithm>
#include <map>

#include "autograd/ops/ops.h"
#include "probe/events/event.h"
#include "probe/prober.h"
#include "probe/roles.h"

namespace waiver {
namespace {

/// The purpose of one pass of a probe; where tokens are masked, each has its own pass.
struct Purpose {
  bool blocks = true, logits = true;
};

/// Asks for everything that a probe asks for, and makes the same copies of what added keys share.
class Rehearsed : public Capture {
 public:
  Rehearsed(Arena& arena, const ModelConfig& model, int64_t batch, Purpose purpose, bool gradients)
      : arena_(arena),
        batch_(batch),
        sinks_(model.sink_tokens),
        added_(model.added_keys()),
        purpose_(purpose),
        gradients_(gradients) {}
  bool wants(int64_t layer, Point point) const override {
    if (layer < 0) return purpose_.logits && point == Point::logits;
    if (point == Point::attn_in) return gradients_;
    return purpose_.blocks && Prober::shows_block(point);
  }
  void take(int64_t, Point point, const Tensor& t) override {
    if (point == Point::attn_pattern && added_ > 0)
      arena_.tensor({t.dim(0), t.dim(1), t.dim(3) - sinks_, added_});
    if (sinks_ == 0 || point == Point::logits || point == Point::attn_slot) return;
    const bool map = about(point).is_map();
    const int64_t S = map ? t.dim(3) : t.dim(0) / batch_, T = S - sinks_;
    if (map)
      arena_.tensor({t.dim(0), t.dim(1), T, T});
    else
      arena_.tensor({batch_ * T, t.dim(1)});
  }

 private:
  Arena& arena_;
  int64_t batch_, sinks_, added_;
  Purpose purpose_;
  bool gradients_;
};

// What one pass over `rows` sequences takes.
int64_t pass_bytes(const Transformer& model, int64_t rows, Purpose purpose, bool gradients) {
  const int64_t T = model.config().context;
  const auto count = static_cast<size_t>(Shape{rows, T}.size());
  Arena given, arena;
  const std::span<const int32_t> tokens(given.array<int32_t>(count), count);
  Rehearsed watch(arena, model.config(), rows, purpose, gradients);
  Tape tape(arena, gradients);
  tape.keep_gradients();
  const Variable logits =
      model.forward(tape, {tokens, rows, T, tokens.first(static_cast<size_t>(T))}, &watch);
  if (gradients) tape.backward(cross_entropy(tape, logits, tokens));
  return static_cast<int64_t>(arena.used());
}

// Numbers of a series in one row of the log.
int64_t row_size(const SeriesSpec& series, const ModelConfig& m, const Dataset& data,
                 const ProbeConfig& config) {
  const std::map<std::string, int64_t> extents = {
      {"layer", m.layers},
      {"query_role", std::ssize(query_role_names(data))},
      {"key_role", std::ssize(key_role_names(data))},
      {"head", m.heads},
      {"position", m.context},
      {"query", m.context},
      {"key", m.context},
      {"sequence", config.batch},
      {"added", m.added_keys()},
      {"event", std::ssize(event_kinds(config))}};
  int64_t size = 1;
  for (const std::string& axis : series.axes)
    if (const auto at = extents.find(axis); at != extents.end())
      size = Shape{size, at->second}.size();
  return size;
}

// What the mechanism tests take: a pass of their own prober, α and E for each query role and r_V of
// every key of every sequence, as measured, in the natural pass and in an edited one, and the
// values of donors.
int64_t mechanism_bytes(const ModelConfig& m, const Dataset& data, int64_t batch, int64_t pass) {
  const int64_t numbers = 2 * std::ssize(query_role_names(data)) + 1;
  const int64_t keys = Shape{m.layers, m.heads, batch, m.context}.size();
  return Shape{3, keys, numbers, sizeof(double)}.size() +
         Shape{m.layers, batch, m.context, m.width, sizeof(float)}.size() + pass;
}

}  // namespace

ProbeMemory probe_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config,
                         When which) {
  ProbeMemory out;
  if (config.every == 0 && which == When::training) return out;
  const ModelConfig& m = model.config();
  bool gradients = false;
  for (const RegisteredMetric& entry : metrics()) {
    if (entry.when > which) continue;
    if (entry.suited && !entry.suited->suits(m, data)) continue;
    const std::unique_ptr<Metric> metric = entry.make();
    gradients |= metric->of_gradients();
    for (const SeriesSpec& series : metric->series())
      out.row += row_size(series, m, data, config) * static_cast<int64_t>(sizeof(float));
  }
  const int64_t rows = Prober::part_size(m, config.batch);
  if (data.mask_token() >= 0)
    out.pass = std::max(pass_bytes(model, rows, {true, false}, false),
                        pass_bytes(model, rows, {false, true}, gradients));
  else
    out.pass = pass_bytes(model, rows, {}, gradients);
  if (gradients) out.gradients = std::ssize(model.parameters().grads()) * sizeof(float);
  if (which == When::training && !config.mechanism.empty())
    out.mechanism = mechanism_bytes(m, data, config.batch, out.pass);
  if (!config.snapshots.empty()) {
    out.map = 2 * Shape{m.layers, m.heads, m.context, m.context, sizeof(float)}.size();
    out.maps = out.map;
  }
  return out;
}

}  // namespace waiver
