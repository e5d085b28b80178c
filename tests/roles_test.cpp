// What is measured of keys and queries by their role, in closed form on models set by hand, and
// against plain loops over what a pass shows on others.
#include <doctest/doctest.h>

#include <numeric>

#include "datasets.h"
#include "distance.h"
#include "keep_all.h"
#include "marked.h"
#include "probe/prober.h"

namespace waiver {
namespace {

constexpr int64_t T = kMarkedTokens;

using Series = std::map<std::string, std::vector<double>>;

// A mean that is NaN of nothing.
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

Series measured(const Transformer& model, const Dataset& data, int64_t sequences) {
  ProbeConfig probe;
  probe.batch = sequences;
  Prober prober(model, data, probe, 0);
  prober.measure();
  Series out;
  for (const auto& [name, values] : prober.values())
    if (name.starts_with("role_")) out[name].assign(values->begin(), values->end());
  return out;
}

void check_against_loop(Transformer& model, const Dataset& data, int64_t sequences = 5) {
  const Series found = measured(model, data, sequences);
  const Series expected = PlainLoop(model, data, sequences).all();
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, values] : expected) {
    CAPTURE(name);
    const std::vector<double>& own = found.at(name);
    REQUIRE(own.size() == values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CAPTURE(i);
      CHECK(std::isnan(own[i]) == std::isnan(values[i]));
      if (!std::isnan(values[i])) CHECK(own[i] == near(values[i]));
    }
  }
}

ModelConfig small(reference::Edits edits) {
  for (const auto& [key, number] : std::map<std::string, double>{
           {"layers", 2}, {"heads", 2}, {"width", 16}, {"context", 12}, {"mlp.width", 24}})
    edits.numbers.emplace(key, number);
  ModelConfig config;
  reference::Settings(config, edits);
  return config;
}

void check_task(const std::string& kind, SetFields::Values options, reference::Edits edits,
                int64_t sequences = 5) {
  const auto data = open_with(kind, std::move(options), 12);
  if (data->features() > 0) {
    edits.words["input"] = "features";
    edits.numbers["width"] = static_cast<double>(data->features());
    edits.numbers["dedicated.count"] = static_cast<double>(data->dedicated());
    edits.numbers["dedicated.std"] = 1;
  }
  Transformer model(small(std::move(edits)), data->vocabulary(), 3);
  check_against_loop(model, *data, sequences);
}

const double kShare = std::exp(6.0) / (std::exp(6.0) + T - 1), kRest = 1 / (std::exp(6.0) + T - 1);
// Sums of 16 weights, each rounded to a float.
constexpr double kRounding = 1e-5;

bool is(double x, double y) { return std::abs(x - y) < kRounding * std::max(1.0, y); }

}  // namespace

TEST_CASE("a waiver that stands elsewhere in each sequence is found by its role, exactly") {
  const auto model = build_marked({});
  const Series s = measured(*model, Marked{}, 16);
  // Entries of query_role: all, asks, silent, dedicated; of key_role: mark_0, first, other.
  const std::vector<double>&alpha = s.at("role_received_attention"), &E = s.at("role_enrichment"),
        &ratio = s.at("role_value_ratio"), &score = s.at("role_waiver_score");
  for (const int64_t q : {0, 1}) {
    CAPTURE(q);
    CHECK(is(alpha[q * 3], kShare));
    CHECK(is(E[q * 3], T * kShare));
    CHECK(score[q * 3] == 2);
    for (const int64_t k : {1, 2}) {
      CHECK(is(alpha[q * 3 + k], kRest));
      CHECK(is(E[q * 3 + k], T * kRest));
      CHECK(score[q * 3 + k] == 0);
    }
  }
  // No token is silent, and a dedicated one is no other query's than its own for its own key.
  for (const int64_t k : {0, 1, 2}) CHECK(std::isnan(alpha[2 * 3 + k]));
  CHECK(std::isnan(alpha[3 * 3]));
  CHECK(is(alpha[3 * 3 + 2], kRest));
  CHECK(score[3 * 3] == 0);
  CHECK(is(ratio[0], 0.1));
  CHECK(is(ratio[1], 1));
  CHECK(is(ratio[2], 1));
  CHECK(is(s.at("role_value_norm")[0], 0.1));
  CHECK(is(s.at("role_output_value_norm")[2], 1));
}

TEST_CASE("a value that is not small makes a sink only, of whichever role") {
  const auto model = build_marked({.values = {1}});
  const Series s = measured(*model, Marked{}, 16);
  CHECK(s.at("role_waiver_score")[0] == 1);
  CHECK(is(s.at("role_value_ratio")[0], 1));
}

TEST_CASE(
    "only the queries of a role give a key what they give, and the mean over all is diluted") {
  const auto model = build_marked({});
  Marked data;
  data.silent = 0.6;
  const Series s = measured(*model, data, 16);
  const std::vector<double>& alpha = s.at("role_received_attention");
  CHECK(is(alpha[1 * 3], kShare));   // of those who ask
  CHECK(is(alpha[2 * 3], 1.0 / T));  // of the silent ones, whose scores are all 0
  CHECK(is(alpha[2 * 3 + 2], 1.0 / T));
  CHECK(s.at("role_waiver_score")[1 * 3] == 2);
  CHECK(s.at("role_waiver_score")[2 * 3] == 0);
  Batch batch;
  batch.resize(16, T);
  data.batch(0, Split::probe, 0, batch);
  double share = 0;  // of the asking ones among the others, mean over sequences
  for (const int32_t kind : batch.inputs) share += kind == Marked::kAsks ? 1.0 / (T - 1) / 16 : 0;
  CHECK(is(alpha[0], share * kShare + (1 - share) / T));
}

TEST_CASE("several candidates share, each by its own pull, and each has its own role") {
  const auto model = build_marked({.pulls = {6, 5, 0}, .values = {0.1f, 0.2f, 1}});
  Marked data;
  data.count = 3;
  const Series s = measured(*model, data, 16);
  const double whole = std::exp(6.0) + std::exp(5.0) + T - 2;
  const std::vector<double>& alpha = s.at("role_received_attention");
  REQUIRE(alpha.size() == 4 * 5);
  CHECK(is(alpha[0], std::exp(6.0) / whole));
  CHECK(is(alpha[1], std::exp(5.0) / whole));
  CHECK(is(alpha[2], 1 / whole));
  CHECK(is(s.at("role_value_ratio")[1], 0.2));
  CHECK(is(s.at("role_value_ratio")[2], 1));
}

TEST_CASE("a role that some sequences lack is a mean over the others, and NaN where all lack it") {
  const auto model = build_marked({});
  Marked half;
  half.every = 2;
  const Series s = measured(*model, half, 16);
  CHECK(is(s.at("role_received_attention")[0], kShare));
  CHECK(is(s.at("role_value_ratio")[0], 0.1));
  // In the sequences without it all keys are equal.
  CHECK(is(s.at("role_received_attention")[2], (kRest + 1.0 / T) / 2));
  Marked none;
  none.count = 2;
  none.every = 1000;
  const auto two = build_marked({.pulls = {6, 6}, .values = {0.1f, 0.1f}});
  Transformer& last = *two;
  const Series without = measured(last, none, 16);
  // Sequence 0 has both; without it there is none.
  CHECK_FALSE(std::isnan(without.at("role_received_attention")[1]));
  class Lacking : public Marked {
   public:
    std::vector<std::string> key_roles() const override {
      return {"mark_0", "first", "other", "x"};
    }
  };
  const Series lacking = measured(*model, Lacking{}, 16);
  for (const char* name :
       {"role_received_attention", "role_enrichment", "role_value_norm", "role_output_value_norm",
        "role_value_ratio", "role_residual_norm", "role_residual_ratio"}) {
    CAPTURE(name);
    CHECK(std::isnan(lacking.at(name)[3]));
  }
  CHECK(lacking.at("role_waiver_score")[3] == 0);
}

TEST_CASE("in a causal model a key is judged by the queries behind it") {
  const auto model = build_marked({.more = {{{"attention.mask", "causal"}}, {}}});
  Marked data;
  data.at = {3};
  const Series s = measured(*model, data, 4);
  double sum = 0, uniform = 0;
  for (int64_t i = 4; i < T; ++i) {
    sum += std::exp(6.0) / (std::exp(6.0) + i);
    uniform += 1.0 / (i + 1);
  }
  CHECK(is(s.at("role_received_attention")[0], sum / (T - 4)));
  CHECK(is(s.at("role_enrichment")[0], sum / uniform));
  data.at = {T - 1};  // which no other query sees
  const Series last = measured(*model, data, 4);
  CHECK(std::isnan(last.at("role_received_attention")[0]));
  CHECK(last.at("role_waiver_score")[0] == 0);
  CHECK(is(last.at("role_value_ratio")[0], 0.1));
}

TEST_CASE("the series by role of models set by hand are those of plain loops") {
  for (const char* mask : {"bidirectional", "causal"})
    for (const char* normalizer : {"softmax", "sigmoid", "relu"})
      for (const double sinks : {0, 2}) {
        CAPTURE(mask);
        CAPTURE(normalizer);
        CAPTURE(sinks);
        Marked data;
        data.count = 3;
        data.silent = 0.4;
        data.every = 3;
        const auto model =
            build_marked({.pulls = {6, 3, -1},
                          .values = {0.1f, 0.5f, 2},
                          .more = {{{"attention.mask", mask}, {"attention.normalizer", normalizer}},
                                   {{"sink_tokens", sinks}}}});
        if (sinks > 0) weight_of(*model, "embed.sink.weight").row(1)[1] = 4;
        check_against_loop(*model, data, 7);
      }
}

TEST_CASE("the series by role of tasks of tokens are those of plain loops") {
  check_task("bigram_backcopy", {{"triggers", 5}}, {});
  check_task("bigram_backcopy", {{"triggers", 5}, {"last", 2}}, {});
  check_task("bigram_backcopy", {{"triggers", 3}, {"first", 2}, {"last", 1}},
             {{{"attention.normalizer", "sigmoid"}}, {{"sink_tokens", 1}}});
}

TEST_CASE("the series by role of tasks of features are those of plain loops") {
  const SetFields::Values features = {{"features", 6}};
  const auto with = [&](SetFields::Values more) {
    more.insert(features.begin(), features.end());
    return more;
  };
  for (const char* mask : {"bidirectional", "causal"}) {
    const reference::Edits edits{{{"attention.mask", mask}}, {}};
    check_task("nop", with({{"dedicated", "random"}}), edits);
    check_task("nop", with({{"dedicated", "random"}, {"dedicated.count", 3}}), edits);
    check_task("nop", with({{"dedicated.at", "0,11"}, {"active", 1}}), edits);
    check_task("nop", with({{"dedicated", "none"}}), edits);
    check_task("broadcast", features, edits);
    check_task("broadcast", with({{"dedicated", "random"}}), edits);
  }
  check_task("trigger_average", {{"features", 8}}, {});
}

}  // namespace waiver
