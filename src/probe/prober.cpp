#include "probe/prober.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>

#include "autograd/ops/ops.h"
#include "core/error.h"
#include "core/stop.h"
#include "probe/cut_sinks.h"
#include "probe/effective.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/shared.h"

namespace waiver {

namespace {

// Restores the gradients of all parameters.
class KeptGradients {
 public:
  explicit KeptGradients(const ParameterSet& parameters)
      : grads_(parameters.grads()), before_(grads_.begin(), grads_.end()) {}
  KeptGradients(const KeptGradients&) = delete;
  KeptGradients& operator=(const KeptGradients&) = delete;
  ~KeptGradients() { std::copy(before_.begin(), before_.end(), grads_.begin()); }

 private:
  std::span<float> grads_;
  std::vector<float> before_;
};

}  // namespace

// Collects what one block shows and hands it to the metrics when the block is complete.
class Prober::Watch : public Capture {
 public:
  Watch(Prober& prober, bool snapshot) : prober_(prober), snapshot_(snapshot) {}
  // From now on passes run on `batch`, whose first sequence is number `begin`; only what is asked
  // for is measured.
  void look_at(const Batch& batch, int64_t begin, bool blocks, bool logits) {
    view_.batch = &batch;
    view_.begin = begin;
    view_.lengths = std::span(prober_.lengths_).subspan(begin, batch.batch);
    blocks_ = blocks;
    logits_ = logits;
  }
  bool wants(int64_t layer, Point point) const override {
    if (layer < 0) return logits_ && point == Point::logits;
    if (point == Point::attn_in) return gradients();
    return blocks_ && shows_block(point);
  }
  void take(int64_t layer, Point point, const Tensor& t) override {
    if (point == Point::logits)
      for (Metric* metric : prober_.own_) metric->logits(t, *view_.batch);
    if (point == Point::attn_qkv) view_.qkv = t;
    if (point == Point::attn_scores) view_.scores = t;
    if (point == Point::attn_pattern) view_.pattern = t;
    if (point == Point::attn_added) view_.attention_added = t;
    if (point == Point::attn_slot) slot_ = t;
    if (point == Point::resid) block_done(layer, t);
  }
  void take_variable(int64_t layer, Point, const Variable& x) override {
    attention_inputs_.emplace_back(layer, x);
  }
  // Whether a backward pass is needed, and what is shown after it.
  bool gradients() const { return logits_ && prober_.of_gradients_; }
  void show_gradients() {
    const int64_t sinks = prober_.model_.config().sink_tokens, B = view_.batch->batch;
    for (const auto& [layer, x] : attention_inputs_) {
      const Tensor grad = rows_of_tokens(prober_.arena_, x.grad, B, sinks);
      for (Metric* metric : prober_.own_) metric->gradient(layer, grad, *view_.batch);
    }
    attention_inputs_.clear();
  }
  std::span<const int64_t> lengths() const { return view_.lengths; }
  void start(const Input& input) { input_ = input; }

 private:
  void block_done(int64_t layer, const Tensor& resid) {
    Arena& arena = prober_.arena_;
    const int64_t sinks = prober_.model_.config().sink_tokens, B = view_.batch->batch;
    view_.layer = layer;
    view_.resid = rows_of_tokens(arena, resid, B, sinks);
    std::vector<double> added_norms;
    if (view_.pattern) {
      added_norms = added_value_norms(view_.qkv, prober_.model_, layer);
      view_.attention_added = rows_of_tokens(arena, view_.attention_added, B, sinks);
      view_.qkv = rows_of_tokens(arena, view_.qkv, B, sinks);
      view_.added = added_weights(arena, view_.pattern, slot_, sinks);
      view_.scores = map_of_tokens(arena, view_.scores, sinks);
      view_.pattern = map_of_tokens(arena, view_.pattern, sinks);
    }
    std::vector<VisibleKeys> seen;
    if (view_.pattern) seen = prober_.model_.visible_keys(layer, input_);
    view_.seen = seen;
    std::vector<double> received;
    if (view_.pattern) received = received_by_keys(view_);
    view_.received = received;
    ValueNorms norms;
    if (view_.pattern) norms = value_norms(view_, prober_.model_);
    view_.value_norms = norms.raw;
    view_.output_value_norms = norms.projected;
    view_.added_value_norms = added_norms;
    for (Metric* metric : prober_.own_)
      if (view_.pattern || !metric->of_attention()) metric->layer(view_);
    if (snapshot_ && view_.pattern) prober_.maps_.add(view_);
    view_.qkv = view_.scores = view_.pattern = view_.attention_added = view_.added =
        slot_ = {};  // the next block has its own
  }
  Prober& prober_;
  bool snapshot_;
  bool blocks_ = true, logits_ = true;
  LayerView view_;
  std::vector<std::pair<int64_t, Variable>> attention_inputs_;
  Input input_;  // of the pass
  Tensor slot_;  // [B, H, S]
};

Prober::Prober(const Transformer& model, const Dataset& data, const ProbeConfig& config,
               uint64_t seed, When metrics, const ProbeTokens& tokens)
    : model_(model), data_(data), config_(config) {
  const ModelConfig& m = model.config();
  const int64_t T = config.tokens(m.context);
  batch_ = probe_batch(data, seed, config.batch, T, tokens);
  for (int64_t b = 0; b < config.batch; ++b)
    lengths_.push_back(data.length(&sequences()[b * T], T));
  context_ = {&model,       &data,          m.layers, m.heads, T, m.width, m.channels_per_head(),
              config.batch, m.added_keys(), config};
  for (const RegisteredMetric& entry : waiver::metrics()) {
    if (entry.when > metrics) continue;
    if (entry.suited && !entry.suited->suits(m, data)) continue;
    add(entry.make());
    of_gradients_ |= metrics_.back()->of_gradients();
    std::vector<SeriesSpec> filled = metrics_.back()->series();
    for (size_t i = 0; i < filled.size(); ++i) {
      filled[i].group = "probe";
      series_.push_back(std::move(filled[i]));
      sources_.emplace_back(metrics_.back().get(), i);
    }
  }
}

bool Prober::shows_block(Point point) {
  return point == Point::attn_qkv || point == Point::attn_scores || point == Point::attn_pattern ||
         point == Point::attn_slot || point == Point::attn_added || point == Point::resid;
}

bool Prober::due(int64_t step, int64_t steps) const { return config_.due(step, steps); }

bool Prober::snapshot_due(int64_t step, int64_t steps) const {
  return config_.snapshot_due(step, steps);
}

int64_t Prober::part_size(const ModelConfig& model, int64_t batch) {
  // Scores and weights of all blocks stay below 128 MiB, or hold a single sequence.
  constexpr int64_t most = int64_t{1} << 24;
  const int64_t keys = model.context + model.sink_tokens;
  const int64_t maps = Shape{model.layers, model.heads, keys, keys}.size();
  return std::clamp<int64_t>(most / maps, 1, batch);
}

Batch Prober::part_of_batch(int64_t begin, int64_t count) const {
  const int64_t T = context_.tokens;
  const auto cut = [&](const auto& all) {
    const auto sequence = std::ssize(all) / batch_.batch, from = begin * sequence;
    return std::vector(all.begin() + from, all.begin() + from + count * sequence);
  };
  return {count,
          T,
          cut(batch_.inputs),
          cut(batch_.targets),
          cut(batch_.whole),
          cut(batch_.features),
          cut(batch_.answers)};
}

// What an edit puts in the place of a token is a token.
void Prober::edit_tokens(const Edits& edits, std::span<const int64_t> lengths,
                         std::vector<int32_t>& tokens) const {
  edits.edit_tokens(tokens, model_.vocabulary());
  for (int64_t b = 0; b < std::ssize(lengths); ++b)
    if (data_.length(&tokens[b * context_.tokens], context_.tokens) != lengths[b])
      throw UsageError(
          point_name(-1, Point::tokens),
          fmt::format("an edit makes the end of a sequence padding (token {})", data_.padding()),
          "Put another token there.");
}

void Prober::run(const Batch& part, bool hidden, Watch& watch, Edits* edits) {
  std::vector<int32_t> tokens = part.inputs, whole = hidden ? part.whole : std::vector<int32_t>(),
                       positions(part.tokens);
  std::vector<float> features = part.features;
  std::iota(positions.begin(), positions.end(), 0);
  if (edits) {
    edit_tokens(*edits, watch.lengths(), tokens);
    if (hidden) edit_tokens(*edits, watch.lengths(), whole);
    edits->edit_positions(positions);
    if (!features.empty()) edits->edit_features(features);
  }
  Input input = {tokens, part.batch, part.tokens, positions, {}, edits, features, whole};
  if (edits && edits->edits(0, Point::effective)) input.effective = effective();
  watch.start(input);
  arena_.reset();
  const bool backward = watch.gradients();
  Tape tape(arena_, backward);
  tape.keep_gradients();
  const Variable logits = model_.forward(tape, input, &watch);
  if (!backward) return;
  const KeptGradients kept(model_.parameters());
  tape.backward(cross_entropy(tape, logits, part.targets));
  watch.show_gradients();
}

void Prober::share(Ranks& ranks) {
  if (ranks.alone()) return;
  ranks_ = &ranks;
  own_.clear();
  of_gradients_ = false;
  for (int64_t i = 0; i < std::ssize(metrics_); ++i) {
    if (!is_own(i, ranks)) continue;
    own_.push_back(metrics_[i].get());
    of_gradients_ |= own_.back()->of_gradients();
  }
}

void Prober::measure(bool snapshot, Edits* edits) {
  // A rank that leaves would let the others wait.
  std::optional<Uninterrupted> together;
  if (ranks_) together.emplace();
  if (edits && of_gradients_)
    throw Error("probe", "gradients cannot be measured under edits",
                "Measure only the metrics of training.");
  const int64_t T = context_.tokens;
  const int64_t size = edits && edits->one_by_one() ? 1 : part_size(model_.config(), batch_.batch);
  context_.natural = !edits || edits->empty();
  for (auto& metric : metrics_) metric->begin(context_);
  if (!edits || !edits->edits(0, Point::effective)) effective_.clear();
  if (snapshot) maps_.clear(context_, lengths_);
  std::optional<DonorStates> donors;
  if (edits) edits->check_donors(batch_.batch);
  if (edits && !edits->donor_points().empty()) {
    donors.emplace(edits->donor_points(), model_.config(), T);
    keep_donors(*donors);
    edits->give(*donors);
  }
  Watch watch(*this, snapshot);
  for (int64_t begin = 0; begin < batch_.batch; begin += size) {
    Batch part = part_of_batch(begin, std::min(size, batch_.batch - begin));
    if (edits) edits->begin(begin, lengths_);
    const bool hidden = !part.whole.empty();
    if (hidden) {
      std::swap(part.inputs, part.whole);
      watch.look_at(part, begin, true, false);
      run(part, false, watch, edits);
      std::swap(part.inputs, part.whole);
    }
    watch.look_at(part, begin, !hidden, true);
    run(part, hidden, watch, edits);
  }
  for (Metric* metric : own_) metric->finish();
  if (ranks_) collect(metrics_, *ranks_);
  for (auto& metric : metrics_)
    metric->combine([this](std::string_view name) { return find(name); });
  for (int64_t l = 0; l < context_.layers; ++l)
    if (!model_.config().has_attention(l)) leave_out(l, snapshot);
}

// Kept from one edited pass to the next: nothing changes the model between them.
const std::vector<float>& Prober::effective() {
  if (effective_.empty())
    effective_ = effective_encodings(model_, sequences(), lengths_, batch_.features);
  return effective_;
}

// A natural pass, in which what happens in the blocks is that of unmasked tokens, as measured.
void Prober::keep_donors(DonorStates& donors) {
  const int64_t size = part_size(model_.config(), batch_.batch);
  for (int64_t begin = 0; begin < batch_.batch; begin += size) {
    const Batch part = part_of_batch(begin, std::min(size, batch_.batch - begin));
    arena_.reset();
    Tape tape(arena_, false);
    Input input{part.whole.empty() ? part.inputs : part.whole, part.batch, part.tokens};
    input.features = part.features;
    input.intervention = &donors;
    if (donors.edits(0, Point::effective)) input.effective = effective();
    if (donors.edits(-1, Point::features)) {
      std::vector<float> features = part.features;
      const int64_t C = model_.config().width;
      donors.edit(-1, Point::features, {features.data(), {std::ssize(features) / C, C}});
    }
    model_.forward(tape, input);
  }
}

void Prober::leave_out(int64_t layer, bool snapshot) {
  for (auto& metric : metrics_)
    if (metric->of_attention()) metric->leave_out(layer, context_.layers);
  if (snapshot) maps_.leave_out(layer);
}

Prober::Values Prober::values() const {
  Values out;
  for (size_t i = 0; i < series_.size(); ++i) out.emplace_back(series_[i].name, values_of(i));
  return out;
}

const std::vector<float>* Prober::find(std::string_view name) const {
  for (size_t i = 0; i < series_.size(); ++i)
    if (series_[i].name == name) return values_of(i);
  return nullptr;
}

std::vector<float> Prober::key_visibility() const {
  const int64_t T = context_.tokens, B = batch_.batch;
  const auto queries =
      static_cast<double>(std::accumulate(lengths_.begin(), lengths_.end(), int64_t{0}));
  std::vector<float> shares(context_.layers * T, std::nanf(""));
  for (int64_t l = 0; l < context_.layers; ++l) {
    if (!model_.config().has_attention(l)) continue;
    const std::vector<VisibleKeys> visible = model_.visible_keys(l, {sequences(), B, T});
    std::vector<int64_t> seen(T, 0);
    for (int64_t b = 0; b < B; ++b)
      for (int64_t i = 0; i < lengths_[b]; ++i) {
        check_stop();
        for (const KeyRange& range : visible[b * T + i].ranges())
          for (int64_t k = range.begin; k < range.end; ++k) ++seen[k];
      }
    for (int64_t k = 0; k < T; ++k)
      shares[l * T + k] = static_cast<float>(static_cast<double>(seen[k]) / queries);
  }
  return shares;
}

std::vector<std::string> Prober::tokens_of(int64_t sequence) const {
  std::vector<std::string> out;
  for (int64_t t = 0; t < context_.tokens; ++t)
    out.push_back(token_text(data_, sequences()[sequence * context_.tokens + t]));
  return out;
}

}  // namespace waiver
