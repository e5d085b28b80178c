#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "keep_all.h"
#include "marked.h"

namespace waiver {

using Series = std::map<std::string, std::vector<double>>;

/// A mean that is NaN of nothing.
struct Average {
  double sum = 0, count = 0;
  void add(double x) { sum += x, ++count; }
  double value() const { return count > 0 ? sum / count : NAN; }
};

/// The series by role of one model and batch, from the definitions.
class PlainLoop {
 public:
  PlainLoop(Transformer& model, const Dataset& data, int64_t sequences)
      : model_(model), m_(model.config()), data_(data), R_(m_.sink_tokens), T_(m_.context) {
    batch_.resize(sequences, T_);
    data.batch(0, Split::probe, 0, batch_);
    Arena arena;
    Tape tape(arena, false);
    Input input{batch_.inputs, sequences, T_};
    input.features = batch_.features;
    model.forward(tape, input, &kept_);
    query_names_ = data.query_roles();
    Q_ = query_names_.size() > 1 ? 1 + std::ssize(query_names_) : 1;
    K_ = std::ssize(data.key_roles());
  }

  Series all() {
    for (int64_t l = 0; l < m_.layers; ++l)
      for (int64_t h = 0; h < m_.heads; ++h) head(l, h);
    for (int64_t l = 0; l < m_.layers; ++l) residual(l);
    if (m_.takes_features()) losses();
    return out_;
  }

 private:
  bool sees(int64_t i, int64_t k) const { return m_.attention.mask->sees_future() || k <= i; }
  double seen(int64_t i) const {
    return static_cast<double>(m_.attention.mask->sees_future() ? T_ : i + 1);
  }
  int64_t query_role(int64_t b, int64_t t) const {
    return data_.query_role(&batch_.inputs[b * T_], t);
  }
  int64_t key_role(int64_t b, int64_t t) const { return data_.key_role(&batch_.inputs[b * T_], t); }
  bool asks(int64_t q, int64_t b, int64_t i) const { return q == 0 || query_role(b, i) == q - 1; }

  // A[i,k], as a share where weights are none.
  double weight(int64_t l, int64_t b, int64_t h, int64_t i, int64_t k) const {
    const int64_t S = R_ + T_;
    const float* row = &kept_.at(l, Point::attn_pattern)[((b * m_.heads + h) * S + R_ + i) * S];
    if (m_.attention.normalizer->shares()) return row[R_ + k];
    return row[R_ + k] / (std::accumulate(row, row + S, 0.0) + 1e-8);
  }

  // ‖v_k‖ and ‖W_O^h v_k‖.
  std::pair<double, double> value(int64_t l, int64_t b, int64_t h, int64_t k) const {
    const int64_t C = m_.width, D = C / m_.heads, S = R_ + T_;
    const float* v = &kept_.at(l, Point::attn_qkv)[(b * S + R_ + k) * 3 * C + 2 * C + h * D];
    const Tensor out = weight_of(model_, "blocks." + std::to_string(l) + ".attn.out.weight");
    std::vector<float> projected(C);
    for (int64_t c = 0; c < C; ++c) {
      double sum = 0;
      for (int64_t d = 0; d < D; ++d) sum += double{v[d]} * out.row(h * D + d)[c];
      projected[c] = static_cast<float>(sum);
    }
    return {length(v, D), length(projected.data(), C)};
  }

  void put(const std::string& name, const std::vector<Average>& means) {
    for (const Average& mean : means) out_[name].push_back(mean.value());
  }

  void head(int64_t l, int64_t h) {
    std::vector<Average> alpha(Q_ * K_), enrichment(Q_ * K_), norms(K_), projected(K_), ratios(K_);
    for (int64_t b = 0; b < batch_.batch; ++b) {
      for (int64_t q = 0; q < Q_; ++q) {
        std::vector<Average> one(K_), enriched(K_);
        for (int64_t k = 0; k < T_; ++k) {
          double sum = 0, uniform = 0, viewers = 0;
          for (int64_t i = 0; i < T_; ++i)
            if (i != k && sees(i, k) && asks(q, b, i)) {
              sum += weight(l, b, h, i, k);
              uniform += 1 / seen(i);
              ++viewers;
            }
          if (viewers == 0) continue;
          one[key_role(b, k)].add(sum / viewers);
          enriched[key_role(b, k)].add(sum / uniform);
        }
        for (int64_t r = 0; r < K_; ++r)
          if (one[r].count > 0) {
            alpha[q * K_ + r].add(one[r].value());
            enrichment[q * K_ + r].add(enriched[r].value());
          }
      }
      std::vector<double> sizes;
      for (int64_t k = 0; k < T_; ++k) sizes.push_back(value(l, b, h, k).second);
      std::ranges::sort(sizes);
      const double middle = (sizes[(T_ - 1) / 2] + sizes[T_ / 2]) / 2;
      std::vector<Average> norm(K_), size(K_), ratio(K_);
      for (int64_t k = 0; k < T_; ++k) {
        const auto [raw, out] = value(l, b, h, k);
        norm[key_role(b, k)].add(raw);
        size[key_role(b, k)].add(out);
        ratio[key_role(b, k)].add(out / middle);
      }
      for (int64_t r = 0; r < K_; ++r)
        if (norm[r].count > 0) {
          norms[r].add(norm[r].value());
          projected[r].add(size[r].value());
          ratios[r].add(ratio[r].value());
        }
    }
    put("role_received_attention", alpha);
    put("role_enrichment", enrichment);
    put("role_value_norm", norms);
    put("role_output_value_norm", projected);
    put("role_value_ratio", ratios);
    for (int64_t i = 0; i < Q_ * K_; ++i) {
      const bool sink = alpha[i].value() > 0.3 && enrichment[i].value() > 3;
      out_["role_waiver_score"].push_back(!sink ? 0 : ratios[i % K_].value() < 0.5 ? 2 : 1);
    }
  }

  void residual(int64_t l) {
    const int64_t C = m_.width, S = R_ + T_;
    std::vector<Average> norms(K_), ratios(K_);
    for (int64_t b = 0; b < batch_.batch; ++b) {
      std::vector<double> h;
      for (int64_t t = 0; t < T_; ++t)
        h.push_back(length(&kept_.at(l, Point::resid)[(b * S + R_ + t) * C], C));
      std::vector<Average> norm(K_), ratio(K_);
      for (int64_t t = 0; t < T_; ++t) {
        Average others;
        for (int64_t o = 0; o < T_; ++o)
          if (o != t) others.add(h[o]);
        norm[key_role(b, t)].add(h[t]);
        ratio[key_role(b, t)].add(h[t] / others.value());
      }
      for (int64_t r = 0; r < K_; ++r)
        if (norm[r].count > 0) {
          norms[r].add(norm[r].value());
          ratios[r].add(ratio[r].value());
        }
    }
    put("role_residual_norm", norms);
    put("role_residual_ratio", ratios);
  }

  void losses() {
    std::vector<Average> means(Q_);
    for (int64_t n = 0; n < batch_.batch * T_; ++n)
      for (int64_t q = 0; q < Q_ && batch_.targets[n] >= 0; ++q)
        if (asks(q, n / T_, n % T_))
          for (int64_t c = 0; c < m_.width; ++c)
            means[q].add(std::pow(double{kept_.at(-1, Point::logits)[n * m_.width + c]} -
                                      batch_.answers[n * m_.width + c],
                                  2));
    put("role_loss", means);
  }

  Transformer& model_;
  const ModelConfig& m_;
  const Dataset& data_;
  int64_t R_, T_, Q_, K_;
  Batch batch_;
  KeepAll kept_;
  std::vector<std::string> query_names_;
  Series out_;
};

}  // namespace waiver
