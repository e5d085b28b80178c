#pragma once

#include <algorithm>
#include <cmath>
#include <map>

#include "core/random.h"
#include "probe/edits/eviction.h"
#include "reference/encoding.h"
#include "reference/settings.h"

// A plain decoder that reads token by token with a cache, and the model that it decodes.

namespace waiver::decoder {

inline constexpr int64_t kWidth = 16, kHeads = 2, kHead = 8, kLayers = 2, kHidden = 24;
inline constexpr int64_t kTokens = 14, kVocabulary = 11;

struct Model {
  ModelConfig config;
  Transformer transformer;

  explicit Model(const std::string& position, reference::Edits edits = {})
      : config(small(position, std::move(edits))), transformer(config, kVocabulary, 1) {
    // Large enough for attention to be uneven and for every encoding to matter.
    for (Parameter& p : transformer.parameters().all()) {
      const Random random(5, p.name);
      const bool gain = p.name.ends_with("gain");
      for (int64_t i = 0; i < p.shape.size(); ++i)
        p.variable.value.data[i] = static_cast<float>((gain ? 1.0 : 0.0) + 0.4 * random.normal(i));
    }
  }
  std::vector<float> logits(Intervention* change = nullptr, int64_t batch = 2) const {
    std::vector<int32_t> tokens;
    const Random random(3, "tokens");
    for (int64_t i = 0; i < batch * kTokens; ++i)
      tokens.push_back(static_cast<int32_t>(random.below(i, kVocabulary)));
    Input input{tokens, batch, kTokens};
    input.intervention = change;
    Arena arena;
    Tape tape(arena, false);
    const Tensor t = transformer.forward(tape, input).value;
    return {t.data, t.data + t.size()};
  }
  std::vector<float> evicted(const Cache& cache) const {
    Eviction eviction(transformer, cache);
    return logits(&eviction);
  }

 private:
  static ModelConfig small(const std::string& position, reference::Edits edits) {
    ModelConfig config;
    if (!position.empty()) edits.words["position"] = position;
    for (const auto& [key, number] : std::map<std::string, double>{{"layers", kLayers},
                                                                   {"heads", kHeads},
                                                                   {"width", kWidth},
                                                                   {"context", kTokens},
                                                                   {"mlp.width", kHidden}})
      edits.numbers[key] = number;
    const reference::Settings applied(config, edits);
    return config;
  }
};

using Row = std::vector<double>;

/// Reads one token after another; each block has a cache of keys, before the encoding, and values,
/// from which tokens are dropped permanently.
class Decoder {
 public:
  Decoder(const Model& model, const Cache& cache)
      : encoding_(model.config.position.name()), biases_(biases_of(model.config)), cache_(cache) {
    for (const Parameter& p : model.transformer.parameters().all())
      weights_[p.name] = {p.variable.value.data, p.variable.value.data + p.shape.size()};
  }

  Row read(int32_t token) {
    Row x(kWidth);
    for (int64_t c = 0; c < kWidth; ++c) {
      x[c] = weights_["embed.token.weight"][token * kWidth + c];
      if (encoding_ == "learned") x[c] += weights_["embed.position.weight"][now_ * kWidth + c];
      const double angle = now_ / std::pow(10000.0, static_cast<double>(c - c % 2) / kWidth);
      if (encoding_ == "sinusoidal") x[c] += c % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
    for (int64_t l = 0; l < kLayers; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".";
      add(x, attend(blocks_[l], block, norm(x, block + "norm1")));
      Row hidden = product(norm(x, block + "norm2"), block + "mlp.up", kHidden);
      for (double& h : hidden) h = std::max(h, 0.0);
      add(x, product(hidden, block + "mlp.down", kWidth));
    }
    ++now_;
    return product(norm(x, "final.norm"), "output", kVocabulary);
  }

 private:
  struct Entry {
    int64_t position;
    Row key, value;
  };
  static reference::Encoding biases_of(ModelConfig config) {
    return {reference::Settings(config), 0, kHeads};
  }

  Row attend(std::vector<Entry>& cache, const std::string& block, const Row& x) {
    const Row qkv = product(x, block + "attn.qkv", 3 * kWidth);
    const auto part = [&](int64_t at) {
      return Row(qkv.begin() + at * kWidth, qkv.begin() + (at + 1) * kWidth);
    };
    cache.push_back({now_, part(1), part(2)});
    std::erase_if(cache, [&](const Entry& e) {
      const bool kept = std::count(cache_.keep.begin(), cache_.keep.end(), e.position) > 0 ||
                        e.position < cache_.keep_first;
      return !kept && e.position <= now_ - cache_.window;
    });
    const auto place = [&](size_t rank) {
      return cache_.reindex ? static_cast<int64_t>(rank) : cache[rank].position;
    };
    Row mix(kWidth);
    for (int64_t h = 0; h < kHeads; ++h) {
      const int64_t query_place = place(cache.size() - 1);
      Row weights;
      double sum = 0;
      for (size_t rank = 0; rank < cache.size(); ++rank)
        weights.push_back(std::exp(score(h, part(0), query_place, cache[rank].key, place(rank))));
      for (const double w : weights) sum += w;
      for (size_t rank = 0; rank < cache.size(); ++rank)
        for (int64_t d = h * kHead; d < (h + 1) * kHead; ++d)
          mix[d] += weights[rank] / sum * cache[rank].value[d];
    }
    return product(mix, block + "attn.out", kWidth);
  }

  double score(int64_t h, Row q, int64_t query_place, Row k, int64_t key_place) const {
    if (encoding_ == "rope") {
      turn(q, query_place);
      turn(k, key_place);
    }
    double s = 0;
    for (int64_t d = h * kHead; d < (h + 1) * kHead; ++d) s += q[d] * k[d] / std::sqrt(1.0 * kHead);
    return s + score_bias(biases_, weights_, h, query_place, key_place);
  }

  static void turn(Row& x, int64_t place) {
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t d = 0; d < kHead / 2; ++d) {
        double &a = x[h * kHead + d], &b = x[h * kHead + d + kHead / 2];
        const double angle = place * std::pow(10000.0, -2.0 * d / kHead), was = a;
        a = was * std::cos(angle) - b * std::sin(angle);
        b = was * std::sin(angle) + b * std::cos(angle);
      }
  }

  Row norm(const Row& x, const std::string& name) {
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / kWidth;
    for (const double v : x) variance += (v - mean) * (v - mean) / kWidth;
    Row out(kWidth);
    for (int64_t c = 0; c < kWidth; ++c)
      out[c] = (x[c] - mean) / std::sqrt(variance + 1e-5) * weights_.at(name + ".gain")[c] +
               weights_.at(name + ".bias")[c];
    return out;
  }

  Row product(const Row& x, const std::string& name, int64_t width) {
    const Row& weight = weights_.at(name + ".weight");
    Row out(width);
    for (int64_t n = 0; n < width; ++n)
      for (size_t c = 0; c < x.size(); ++c) out[n] += x[c] * weight[c * width + n];
    return out;
  }

  static void add(Row& x, const Row& more) {
    for (size_t c = 0; c < x.size(); ++c) x[c] += more[c];
  }

  std::string encoding_;
  reference::Encoding biases_;  // what encodings add to scores
  Cache cache_;
  std::map<std::string, Row> weights_;
  std::vector<Entry> blocks_[kLayers];
  int64_t now_ = 0;
};

inline std::vector<float> decode(const Model& model, const Cache& cache) {
  std::vector<float> out;
  const Random random(3, "tokens");
  for (int64_t b = 0; b < 2; ++b) {
    Decoder decoder(model, cache);
    for (int64_t t = 0; t < kTokens; ++t) {
      const auto token = static_cast<int32_t>(random.below(b * kTokens + t, kVocabulary));
      for (const double logit : decoder.read(token)) out.push_back(static_cast<float>(logit));
    }
  }
  return out;
}

}  // namespace waiver::decoder
