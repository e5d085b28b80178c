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

// What one pass over `rows` sequences of T tokens takes.
int64_t pass_bytes(const Transformer& model, int64_t rows, int64_t T, Purpose purpose,
                   bool gradients) {
  const auto count = static_cast<size_t>(Shape{rows, T}.size());
  Arena given, arena;
  const std::span<const int32_t> tokens(given.array<int32_t>(count), count);
  Rehearsed watch(arena, model.config(), rows, purpose, gradients);
  Tape tape(arena, gradients);
  tape.keep_gradients();
  const Variable logits =
      model.forward(tape, {tokens, rows, T, tokens.first(static_cast<size_t>(T))}, &watch);
  if (gradients) tape.backward(cross_entropy(tape, logits, tokens));
  return static_cast<int64_t>(arena.peak());
}

// Numbers of a series in one row of the log.
int64_t row_size(const SeriesSpec& series, const ModelConfig& m, const Dataset& data,
                 const ProbeConfig& config) {
  const int64_t T = config.tokens(m.context);
  const std::map<std::string, int64_t> extents = {
      {"layer", m.layers},
      {"query_role", std::ssize(query_role_names(data))},
      {"key_role", std::ssize(key_role_names(data))},
      {"head", m.heads},
      {"position", T},
      {"query", T},
      {"key", T},
      {"sequence", config.batch},
      {"added", m.added_keys()},
      {"event", std::ssize(event_kinds(config))}};
  int64_t size = 1;
  for (const std::string& axis : series.axes)
    if (const auto at = extents.find(axis); at != extents.end())
      size = Shape{size, at->second}.size();
  return size;
}

/// Counts what is kept of donors.
class Donors : public Intervention {
 public:
  explicit Donors(std::vector<PlacedPoint> points) : points_(std::move(points)) {}
  bool edits(int64_t layer, Point point) const override {
    return std::ranges::count(points_, PlacedPoint{layer, point}) > 0;
  }
  void edit(int64_t, Point, const Tensor& t) override { numbers += t.size(); }

  int64_t numbers = 0;

 private:
  std::vector<PlacedPoint> points_;
};

}  // namespace

int64_t forward_memory(const Transformer& model, int64_t rows, Intervention* change, bool frees) {
  const int64_t T = model.config().context;
  const auto count = static_cast<size_t>(Shape{rows, T}.size());
  Arena given, arena;
  const std::span<const int32_t> tokens(given.array<int32_t>(count), count);
  Tape tape(arena, false);
  if (frees) tape.let_recompute();
  Input input{tokens, rows, T};
  input.intervention = change;
  if (frees && model.config().gives_logits())
    model.for_logits(tape, input, [](int64_t, const Tensor&) {});
  else
    model.forward(tape, input);
  return static_cast<int64_t>(arena.peak());
}

ProbeMemory probe_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config,
                         When which) {
  ProbeMemory out;
  const ModelConfig& m = model.config();
  const int64_t rows = Prober::part_size(m, config.batch), T = config.tokens(m.context);
  bool gradients = false;
  for (const RegisteredMetric& entry : metrics()) {
    if (entry.when > which) continue;
    if (entry.suited && !entry.suited->suits(m, data)) continue;
    const std::unique_ptr<Metric> metric = entry.make();
    out.held += metric->held(m, data, rows);
    gradients |= metric->of_gradients();
    for (const SeriesSpec& series : metric->series())
      out.row += row_size(series, m, data, config) * static_cast<int64_t>(sizeof(float));
  }
  if (data.mask_token() >= 0)
    out.pass = std::max(pass_bytes(model, rows, T, {true, false}, false),
                        pass_bytes(model, rows, T, {false, true}, gradients));
  else
    out.pass = pass_bytes(model, rows, T, {}, gradients);
  if (gradients) out.gradients = std::ssize(model.parameters().grads()) * sizeof(float);
  if (!config.snapshots.empty()) {
    out.map = 2 * Shape{m.layers, m.heads, T, T, sizeof(float)}.size();
    out.maps = out.map;
  }
  return out;
}

int64_t mechanism_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config) {
  const ModelConfig& m = model.config();
  // α and E for each query role and r_V of every key of every sequence: as measured, in the natural
  // pass and in an edited one; and the values of donors.
  const int64_t numbers = 2 * std::ssize(query_role_names(data)) + 1;
  const int64_t keys = Shape{m.layers, m.heads, config.batch, config.tokens(m.context)}.size();
  const int64_t kept = Shape{3, keys, numbers, sizeof(double)}.size();
  std::vector<EditConfig> edits(2);
  edits[0].at = {in_every_block(Point::attn_v)};
  edits[0].edit.set("donor");
  edits[1].at = {point_name(0, Point::effective)};
  return probe_memory(model, data, config, When::always).metrics() + kept +
         edits_memory(model, config.batch, edits);
}

int64_t edits_memory(const Transformer& model, int64_t batch, std::span<const EditConfig> edits) {
  std::vector<PlacedPoint> donors;
  bool effective = false;
  for (const EditConfig& edit : edits)
    for (const PlacedPoint& point : edit.points(model.config())) {
      effective |= point.point == Point::effective;
      if (edit.edit->donor() > 0 && point.point != Point::effective) donors.push_back(point);
    }
  const int64_t encodings = effective ? forward_memory(model, batch) : 0;
  if (donors.empty()) return encodings;
  Donors kept(std::move(donors));
  forward_memory(model, 1, &kept);
  return encodings + Shape{batch, kept.numbers, sizeof(float)}.size();
}

}  // namespace waiver
