#include "train/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/math.h"
#include "core/stop.h"
#include "core/threads.h"

namespace waiver {
namespace {

double cross_entropy(const float* logits, int64_t V, int32_t target) {
  float top = logits[0];
#pragma omp simd reduction(max : top)
  for (int64_t v = 1; v < V; ++v) top = logits[v] > top ? logits[v] : top;
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t v = 0; v < V; ++v) sum += static_cast<double>(fast_exp_to_88(logits[v] - top));
  return (static_cast<double>(top) - static_cast<double>(logits[target])) + std::log(sum);
}

double squared_error(const float* found, const float* wanted, int64_t C) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < C; ++c) {
    const double error = static_cast<double>(found[c]) - static_cast<double>(wanted[c]);
    sum += error * error;
  }
  return sum / static_cast<double>(C);
}

// Those of rows first … of the output which have a target, into `losses` [B·T].
void add_losses(int64_t first, const Tensor& output, const Batch& batch,
                std::vector<double>& losses) {
  const int64_t C = output.dim(1);
  parallel_ranges(output.dim(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      if (const int64_t n = first + row; batch.targets[n] >= 0)
        losses[n] = batch.answers.empty()
                        ? cross_entropy(output.row(row), C, batch.targets[n])
                        : squared_error(output.row(row), &batch.answers[n * C], C);
  });
}

Input input_of(const Batch& batch, Intervention* intervention) {
  Input input{batch.inputs, batch.batch, batch.tokens};
  input.features = batch.features;
  input.whole = batch.whole;
  input.intervention = intervention;
  return input;
}

// The batch of validation sequences that begins with number `at`.
void fill(const Dataset& data, const Validation& validation, int64_t at, int64_t T, Batch& batch) {
  batch.resize(std::min(validation.part, validation.sequences - at), T);
  data.batch(validation.seed, Split::validation, at, batch);
}

std::vector<double> losses_of(const Transformer& model, const Validation& validation,
                              const Batch& batch, Arena& arena) {
  arena.reset();
  Tape tape(arena, false);
  tape.let_recompute();  // so that each block frees what it computes
  const Input input = input_of(batch, validation.intervention);
  std::vector<double> losses(batch.targets.size());
  if (batch.answers.empty())
    model.for_logits(tape, input, [&](int64_t first, const Tensor& logits) {
      add_losses(first, logits, batch, losses);
    });
  else
    add_losses(0, model.forward(tape, input).value, batch, losses);
  return losses;
}

}  // namespace

std::string Coverage::text() const {
  if (windows == 0)
    return fmt::format("{} {} of {}", sequences, sequences == 1 ? "sequence" : "sequences", tokens);
  if (sequences < windows)
    return fmt::format("{} of {} sequences of {}", sequences, windows, tokens);
  return windows == 1 ? fmt::format("the one sequence of {}", tokens)
                      : fmt::format("all {} sequences of {}", windows, tokens);
}

Coverage train_coverage(const TrainConfig& config, const Dataset& data, int64_t T) {
  const int64_t windows = data.validation_windows(T), asked = config.eval.batches * config.batch;
  return {windows > 0 ? std::min(windows, asked) : asked, windows, T};
}

Coverage full_coverage(const TrainConfig& config, const Dataset& data, int64_t T) {
  const int64_t windows = data.validation_windows(T);
  return {windows > 0 ? windows : config.eval.batches * config.batch, windows, T};
}

double validation_loss(const Transformer& model, const Dataset& data, const Validation& validation,
                       Arena& arena) {
  const int64_t all[] = {0};
  return validation_losses(model, data, validation, all, arena).front();
}

std::vector<double> validation_losses(const Transformer& model, const Dataset& data,
                                      const Validation& validation, std::span<const int64_t> first,
                                      Arena& arena) {
  const int64_t T = model.config().context;
  Batch batch;
  std::vector<double> sums(first.size()), counts(first.size());
  for (int64_t at = 0; at < validation.sequences; at += batch.batch) {
    fill(data, validation, at, T, batch);
    const std::vector<double> losses = losses_of(model, validation, batch, arena);
    for (size_t f = 0; f < first.size(); ++f)
      for (int64_t n = 0; n < std::ssize(losses); ++n)
        if (n % T >= first[f] && batch.targets[n] >= 0) sums[f] += losses[n], counts[f] += 1;
  }
  for (size_t f = 0; f < first.size(); ++f) sums[f] /= counts[f];
  return sums;
}

Validation own_validation(const TrainConfig& config, const Dataset& data, int64_t T,
                          uint64_t seed) {
  return {seed, train_coverage(config, data, T).sequences, config.batch / config.accumulate};
}

double shared_validation_loss(const Transformer& model, const Dataset& data,
                              const Validation& validation, Arena& arena, Ranks& ranks) {
  if (ranks.alone()) return validation_loss(model, data, validation, arena);
  const Uninterrupted rounds;  // a rank that leaves would let the others wait
  const int64_t T = model.config().context, part = validation.part;
  Batch batch;
  double sum = 0, count = 0;
  for (int64_t at = 0; at < validation.sequences; at += ranks.count() * part) {
    const auto rows = [&](int64_t rank) {
      return std::clamp<int64_t>(validation.sequences - (at + rank * part), 0, part) * T;
    };
    std::vector<double> own;
    if (rows(ranks.own()) > 0) {
      fill(data, validation, at + ranks.own() * part, T, batch);
      own = losses_of(model, validation, batch, arena);
    }
    const std::vector<int> stops = ranks.gather(static_cast<int>(stop_requested()));
    if (std::ranges::count(stops, 1) > 0) throw Stopped("the run was interrupted");
    std::vector<Ranks::Piece> out, in;
    std::vector<std::vector<double>> all(1, own);
    if (!ranks.first()) out.push_back(piece(0, std::span(own)));
    for (int64_t r = 1; ranks.first() && r < ranks.count(); ++r) all.emplace_back(rows(r));
    for (int64_t r = 1; r < std::ssize(all); ++r) in.push_back(piece(r, std::span(all[r])));
    ranks.exchange(out, in);
    for (int64_t r = 0; ranks.first() && r < ranks.count() && rows(r) > 0; ++r) {
      fill(data, validation, at + r * part, T, batch);
      for (int64_t n = 0; n < rows(r); ++n)
        if (batch.targets[n] >= 0) sum += all[r][n], count += 1;
    }
  }
  return ranks.first() ? sum / count : 0;
}

std::string loss_text(double loss, const Dataset& data) {
  const bool small = loss != 0 && std::abs(loss) < 1e-3;
  return (small ? fmt::format("{:.3e}", loss) : fmt::format("{:.6f}", loss)) +
         (data.features() > 0 ? "" : " nat");
}

std::string loss_units(const Dataset& data) { return data.features() > 0 ? "1" : "nat"; }

}  // namespace waiver
