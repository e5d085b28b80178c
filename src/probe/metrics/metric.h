#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/fields/kind.h"
#include "data/dataset.h"
#include "model/transformer.h"
#include "probe/config.h"
#include "probe/series.h"

namespace waiver {

/// What every metric needs to know about a probe.
struct ProbeContext {
  const Transformer* model = nullptr;
  const Dataset* data = nullptr;
  int64_t layers = 0, heads = 0, tokens = 0;  // L, H, T
  int64_t width = 0, head_width = 0;          // C, D
  int64_t sequences = 0;                      // of the whole probe batch
  int64_t added = 0;                          // A, keys that belong to no token
  ProbeConfig config = {};
  bool natural = true;  // whether the pass is not edited
};

/// What one block showed on a part of the probe batch, without its sink tokens; valid only during
/// the call. Whatever belongs to padding is undefined.
struct LayerView {
  int64_t layer = 0;
  int64_t begin = 0;                 // number of its first sequence in the probe batch
  const Batch* batch = nullptr;      // B sequences
  std::span<const int64_t> lengths;  // [B] of each, without the padding at its end; empty: none has
  Tensor qkv;                        // [B·T, 3HD]; it and the maps are empty without attention
  Tensor scores, pattern;            // [B, H, T, T]
  Tensor attention_added;            // [B·T, C] to the stream; empty without attention
  Tensor resid;                      // [B·T, C]
  Tensor added;  // [B, H, T, A] weights of the added keys: sink tokens, then the
                 // slot; empty where there are none
  std::span<const double> added_value_norms;   // [H, A] ‖W_O^h v_*‖ of the added keys
  std::span<const VisibleKeys> seen;           // [B·T]; empty without attention
  std::span<const double> received;            // [B, H, T] Σ_i A[i,k]; empty without attention
  std::span<const double> value_norms;         // [B, H, T] ‖v_k‖; empty without attention
  std::span<const double> output_value_norms;  // [B, H, T] ‖W_O^h v_k‖; empty without attention

  /// How many tokens of sequence b come before its padding, which is neither query nor key.
  int64_t length(int64_t b) const { return lengths.empty() ? batch->tokens : lengths[b]; }
  /// The keys that query i of sequence b sees. REQUIRES: i < length(b).
  const VisibleKeys& visible(int64_t b, int64_t i) const { return seen[b * batch->tokens + i]; }

  /// The query, key and value [D] of head h at token t of sequence b; those of the next token lie
  /// qkv.stride() further.
  const float* query(int64_t b, int64_t t, int64_t h) const { return vector(0, b, t, h); }
  const float* key(int64_t b, int64_t t, int64_t h) const { return vector(1, b, t, h); }
  const float* value(int64_t b, int64_t t, int64_t h) const { return vector(2, b, t, h); }
  const double* received_by_keys(int64_t b, int64_t h) const { return of_values(received, b, h); }
  /// Numbers [T] of one head of one sequence, from [B, H, T].
  const double* of_values(std::span<const double> all, int64_t b, int64_t h) const {
    return &all[(b * pattern.dim(1) + h) * batch->tokens];
  }
  /// Query i's weights on the A added keys.
  const float* added_row(int64_t b, int64_t h, int64_t i) const {
    return map(added, b, h) + i * added.dim(3);
  }
  const float* map(const Tensor& maps, int64_t b, int64_t h) const {
    return maps.data + (b * maps.dim(1) + h) * maps.dim(2) * maps.dim(3);
  }

 private:
  const float* vector(int64_t which, int64_t b, int64_t t, int64_t h) const {
    const int64_t all = qkv.dim(1) / 3;
    return qkv.row(b * batch->tokens + t) + which * all + h * (all / pattern.dim(1));
  }
};

/// A quantity, or a family of them, measured on the fixed probe batch. The batch may come in parts:
/// a metric accumulates in `layer` and `logits`, and divides in `finish`.
class Metric {
 public:
  virtual ~Metric() = default;
  /// The series that it fills, in the order of `values`; the caller sets the group.
  virtual std::vector<SeriesSpec> series() const = 0;
  /// Whether it looks at attention: then it is not shown blocks without attention, and has NaN for
  /// them.
  virtual bool of_attention() const { return false; }
  /// Bytes that it holds besides its series, where these are many: of a probe in which so many
  /// sequences pass at once.
  virtual int64_t held(const ModelConfig&, const Dataset&, int64_t /*at_once*/) const { return 0; }
  virtual void begin(const ProbeContext& context) = 0;
  virtual void layer(const LayerView&) {}
  /// [B·T, V], or the model's answers to features [B·T, C].
  virtual void logits(const Tensor&, const Batch&) {}
  /// Whether it looks at gradients; then the pass is recorded and a backward pass from the loss
  /// follows.
  virtual bool of_gradients() const { return false; }
  /// ∂L/∂x [B·T, C] at the input of a block's attention, L the mean loss of the batch.
  virtual void gradient(int64_t /*layer*/, const Tensor&, const Batch&) {}
  virtual void finish() {}
  /// A series of this probe by name, or null where it is not measured.
  using Found = std::function<const std::vector<float>*(std::string_view)>;
  /// Computes what follows from other metrics' series; called when all have finished.
  virtual void combine(const Found&) {}
  /// The numbers of each series, row-major along its axes; valid after `finish` and `combine`.
  const std::vector<std::vector<float>>& values() const { return values_; }
  /// Takes over the numbers of another one of its kind, which has finished.
  void take(std::vector<std::vector<float>> values) { values_ = std::move(values); }
  /// Makes everything in one layer NaN. REQUIRES: `layer` is the first axis of every series.
  void leave_out(int64_t layer, int64_t layers);

 protected:
  std::vector<std::vector<float>> values_;
};

/// In training only what costs next to nothing is measured; everything else on demand. The loss and
/// received attention are all that the mechanism tests need of it. Each includes those before it.
enum class When { always, training, on_demand };

/// The models and datasets that a metric suits, and their description.
struct Suited {
  bool (*suits)(const ModelConfig&, const Dataset&);
  std::string_view what;
};

/// The registry entry of a metric, defined in the file of its class. A null `suited` means all.
struct RegisteredMetric {
  std::string_view name;
  std::unique_ptr<Metric> (*make)();
  When when = When::training;
  const Suited* suited = nullptr;
};
std::span<const RegisteredMetric> metrics();
template <class M>
std::unique_ptr<Metric> make_metric() {
  return std::make_unique<M>();
}

}  // namespace waiver
