// Padding at the end of sequences: no loss, no metric and no edit sees it; that of data is in
// padded_data_test.cpp.
#include <algorithm>
#include <cmath>
#include <set>

#include "distance.h"
#include "padded_data.h"
#include "probe/effective.h"
#include "probe/mechanism/mechanism.h"
#include "probe/metrics/waiver_score.h"
#include "probe/prober.h"
#include "train/validation.h"

namespace waiver {
namespace {

constexpr int64_t T = kPaddedTokens, L = 3, H = 2;
const std::vector<int64_t> kLengths = {9, 13, 2, 5, 1, 8};

using Measured = std::map<std::string, std::vector<float>>;

struct Case {
  std::string mask, attention, more;
  bool masked = false;

  std::unique_ptr<Transformer> model(int64_t context, const Dataset& data) const {
    return uneven_model(padded_model(context, mask, attention, more), data.vocabulary());
  }
};
const Case kCases[] = {
    {"causal", ", slot: key_value", ", position: rope, sink_tokens: 2"},
    {"causal", ", normalizer: sigmoid, slot: key_value", ", position: learned", true},
    {"bidirectional", ", bias: all", ", position: learned, sink_tokens: 1", true},
    {"bidirectional", ", normalizer: relu", ", position: alibi"},
    {"bidirectional", "", ", position: rope, output: {kind: hidden}"}};

Measured measured(const Case& c, const Dataset& data, int64_t context, int64_t sequences,
                  Edits* edits = nullptr) {
  const auto model = c.model(context, data);
  ProbeConfig probe;
  probe.batch = sequences;
  probe.sink_threshold = 0.15;
  Prober prober(*model, data, probe, 0, edits ? When::training : When::on_demand);
  prober.measure();
  if (edits) prober.measure(false, edits);
  Measured out;
  for (const auto& [name, values] : prober.values()) out[name] = *values;
  return out;
}

/// What makes up a number of a series that is a mean over queries or targets rather than over
/// sequences: how many of them a sequence has.
double weight_of(const std::string& name, const Case& c, const std::vector<int32_t>& x) {
  const GivenSequences data({x}, c.masked);
  const auto n = std::ssize(x);
  Batch batch;
  batch.resize(1, n);
  data.batch(0, Split::probe, 0, batch);
  double queries = 0, plain = 0, targets = 0, triggers = 0;
  for (int64_t t = 0; t < n; ++t) {
    queries += 1;
    plain += data.query_role(x.data(), t) == kPlain;
    if (batch.targets[t] < 0) continue;
    const int64_t at = c.masked ? t - 1 : t;  // whose role decides
    targets += 1;
    triggers += at >= 0 && data.query_role(x.data(), at) != kPlain;
  }
  if (name == "attention_entropy" || name == "first_argmax_share" || name == "output_distance")
    return queries;
  if (name == "bos_attention") return plain;
  if (name == "delta_logit") {
    double sinks = 0;  // no two tokens are the same
    for (int64_t t = 2; t < n; ++t) sinks += data.query_role(x.data(), t) == kPlain;
    return sinks;
  }
  if (name == "loss") return targets;
  if (name == "backcopy_risk") return triggers;
  if (name == "bigram_risk") return targets - triggers;
  return 1;
}

/// The mean of what the sequences show one by one, each cut to its length; an axis over positions
/// has only those that a sequence has.
class OneByOne {
 public:
  OneByOne(const Case& c, const std::vector<std::vector<int32_t>>& all) : case_(c), all_(all) {
    for (const std::vector<int32_t>& x : all)
      alone_.push_back(measured(c, *padded({x}, c.masked), static_cast<int64_t>(x.size()), 1));
  }
  std::vector<double> mean(const SeriesSpec& spec, size_t size) const {
    const bool by_position =
        !spec.axes.empty() && (spec.axes.back() == "position" || spec.axes.back() == "key" ||
                               spec.axes.back() == "query");
    const bool by_sequence = std::ranges::count(spec.axes, "sequence") > 0;
    std::vector<double> sums(size, 0.0), weights(size, 0.0);
    for (size_t b = 0; b < all_.size(); ++b) {
      const std::vector<float>& own = alone_[b].at(spec.name);
      const auto n = std::ssize(all_[b]);
      const double weight = weight_of(spec.name, case_, all_[b]);
      for (int64_t i = 0; i < std::ssize(own); ++i) {
        int64_t row = i / n;  // of a layer, or of a head
        if (by_sequence) row = row * std::ssize(all_) + static_cast<int64_t>(b);
        const int64_t at = by_position ? row * T + i % n : i;
        if (std::isnan(own[i])) continue;
        sums[at] += weight * own[i];
        weights[at] += weight;
      }
    }
    for (size_t i = 0; i < size; ++i) sums[i] /= weights[i];  // NaN where there is none
    return sums;
  }

 private:
  const Case& case_;
  std::vector<std::vector<int32_t>> all_;
  std::vector<Measured> alone_;
};

// Products of another number of rows are rounded in another order; what is divided by a small
// number, or compares numbers, has larger errors.
bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  return std::abs(a - b) <= 1e-5 * std::abs(b) + 1e-6;
}

std::vector<SeriesSpec> series_of(const Case& c, const Dataset& data) {
  const auto model = c.model(T, data);
  ProbeConfig probe;
  probe.batch = 1;
  return Prober(*model, data, probe, 0, When::on_demand).series();
}

float verdict(const Measured& m, const std::string& prefix, size_t alpha, size_t ratio) {
  const bool proxy = m.contains("proxy_received_attention") && prefix.empty();
  const std::string p = proxy ? "proxy_" : prefix;
  return static_cast<float>(classify({}, m.at(p + "received_attention")[alpha],
                                     m.at(p + "enrichment")[alpha],
                                     m.at(prefix + "value_ratio")[ratio]));
}

}  // namespace

TEST_CASE("every metric of a padded batch is that of its sequences cut to their lengths") {
  const auto all = sequences_of(kLengths);
  std::set<std::string> seen;
  for (const Case& c : kCases) {
    CAPTURE(c.mask);
    CAPTURE(c.attention);
    const auto data = padded(all, c.masked);
    const Measured together = measured(c, *data, T, std::ssize(all));
    const OneByOne alone(c, all);
    for (const SeriesSpec& spec : series_of(c, *data)) {
      CAPTURE(spec.name);
      seen.insert(spec.name);
      const std::vector<float>& found = together.at(spec.name);
      if (spec.name == "waiver_score" || spec.name == "role_waiver_score") continue;
      const std::vector<double> right = alone.mean(spec, found.size());
      for (size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);
        CHECK_MESSAGE(same(found[i], right[i]), found[i], " is not ", right[i]);
      }
    }
    // Verdicts follow from what they judge; there is none on a position that no sequence has.
    const std::vector<float>& score = together.at("waiver_score");
    for (size_t i = 0; i < score.size(); ++i)
      CHECK((std::isnan(together.at("value_norm")[i]) ? std::isnan(score[i])
                                                      : score[i] == verdict(together, "", i, i)));
    const std::vector<float>& by_role = together.at("role_waiver_score");
    for (size_t i = 0; i < by_role.size(); ++i)
      if (!std::isnan(by_role[i]))
        CHECK(by_role[i] == verdict(together, "role_", i, i / 9 * 3 + i % 3));
  }
  for (const RegisteredMetric& entry : metrics())
    for (const SeriesSpec& spec : entry.make()->series())
      if (entry.name != "squared_error")  // of features, which have no padding
        CHECK_MESSAGE(seen.contains(spec.name), spec.name);
}

TEST_CASE("a position that no sequence has is NaN, and nobody sees its key") {
  const auto all = sequences_of({4, 2});
  const Case c = {"causal", "", ", position: rope"};
  const auto data = padded(all);
  const auto model = c.model(6, *data);
  ProbeConfig probe;
  probe.batch = 2;
  Prober prober(*model, *data, probe, 0, When::on_demand);
  prober.measure(true);
  for (const SeriesSpec& spec : prober.series())
    if (!spec.axes.empty() && (spec.axes.back() == "position" || spec.axes.back() == "key" ||
                               spec.axes.back() == "query")) {
      CAPTURE(spec.name);
      const std::vector<float>& values = prober.value(spec.name);
      for (size_t i = 0; i < values.size(); ++i)
        if (i % 6 >= 4) CHECK(std::isnan(values[i]));
    }
  // Of six queries, four and two.
  const float shares[] = {1, 4.0f / 6, 2.0f / 6, 1.0f / 6, 0, 0};
  const std::vector<float> visible = prober.key_visibility();
  for (int64_t k = 0; k < 6; ++k) {
    CHECK(visible[k] == shares[k]);
    CHECK(visible[2 * 6 + k] == shares[k]);
    CHECK(std::isnan(visible[6 + k]));
  }
  const std::vector<float>&first = *prober.snapshot()[0].second,
        &mean = *prober.snapshot()[1].second;
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t k = 0; k < 6; ++k) {
      const bool there = i < 4 && k < 4;
      CHECK(std::isnan(first[i * 6 + k]) == !there);
      CHECK(std::isnan(mean[i * 6 + k]) == !there);
      if (there && k > i) CHECK((first[i * 6 + k] == 0 && mean[i * 6 + k] == 0));
    }
  for (int64_t i = 0; i < 4; ++i) {  // rows of weights, in the mean too
    CHECK(std::accumulate(&first[i * 6], &first[i * 6] + 4, 0.0) ==
          doctest::Approx(1).epsilon(1e-6));
    CHECK(std::accumulate(&mean[i * 6], &mean[i * 6] + 4, 0.0) == doctest::Approx(1).epsilon(1e-6));
  }
}

TEST_CASE("the loss is the mean over the targets that are no padding") {
  const auto all = sequences_of(kLengths);
  for (const Case& c : kCases) {
    if (contains(c.more, "hidden")) continue;
    CAPTURE(c.mask);
    const auto data = padded(all, c.masked);
    const auto model = c.model(T, *data);
    double sum = 0, count = 0;
    Arena arena;
    for (const std::vector<int32_t>& x : all) {
      const auto own = padded({x}, c.masked);
      const double targets = weight_of("loss", c, x);
      const auto cut = c.model(std::ssize(x), *own);
      if (targets > 0) sum += targets * validation_loss(*cut, *own, {0, 1, 1}, arena);
      count += targets;
    }
    for (const int64_t part : {1, 4, 6}) {
      Arena fresh;
      CHECK(validation_loss(*model, *data, {0, std::ssize(all), part}, fresh) ==
            doctest::Approx(sum / count).epsilon(1e-6));
    }
  }
}

TEST_CASE("edits of a padded batch do what they do to its sequences cut to their lengths") {
  const auto all = sequences_of({9, 13, 5, 8});
  for (const auto& [output, series] :
       {std::pair{"", "loss"}, {", output: {kind: hidden}", "output_distance"}}) {
    CAPTURE(series);
    const Case c = {"bidirectional", "", std::string(", position: rope") + output};
    const auto cost = [&, name = series](const Dataset& data, int64_t context, int64_t sequences,
                                         const EditConfig& edit) {
      Edits edits({edit}, padded_model(context, c.mask, c.attention, c.more), context);
      return measured(c, data, context, sequences, &edits).at(name)[0];
    };
    const auto check = [&, name = series](const EditConfig& edit) {
      CAPTURE(edit.edit.name());
      CAPTURE(edit.at[0]);
      double sum = 0, count = 0;
      for (const std::vector<int32_t>& x : all) {
        const double weight = weight_of(name, c, x);
        sum += weight * cost(*padded({x}), std::ssize(x), 1, edit);
        count += weight;
      }
      CHECK(same(cost(*padded(all), T, std::ssize(all), edit), sum / count));
    };
    for (const char* at : {"blocks.0.attn.v", "blocks.0.resid", "embed"})
      for (const char* rule : {"zero", "mean", "permute", "noise", "shuffle"}) {
        check({{at}, Kind<EditRule>(rule)});
        check({{at}, Kind<EditRule>(rule), {"1", "3"}});
        check({{at}, Kind<EditRule>(rule), {}, {"0"}});
      }
    check({{"tokens"}, Kind<EditRule>("shuffle")});
    check({{"blocks.*.attn.scores"}, Kind<EditRule>("mean")});
    check({{"blocks.*.attn.scores"}, Kind<EditRule>("hide"), {"2"}, {}, {"0", "3"}});
    check({{"blocks.*.attn.pattern"}, Kind<EditRule>("redirect"), {"4"}});
  }
}

TEST_CASE("an edit that names padding, or makes some, is refused") {
  const auto data = padded(sequences_of({9, 5}));
  const Case c = {"causal", "", ", position: rope"};
  const auto refusal = [&](EditConfig edit, SetFields::Values options = {}) {
    SetFields fields(std::move(options));
    edit.edit->options(fields);
    Edits edits({std::move(edit)}, padded_model(T, c.mask, c.attention, c.more), T);
    return error_of([&] { measured(c, *data, T, 2, &edits); });
  };
  const std::string named =
      "edits[0]: position 5 is padding in a sequence of 5 tokens. Edit positions below 5, or take "
      "longer sequences.";
  CHECK(refusal({{"embed"}, Kind<EditRule>("zero"), {"5"}}) == named);
  CHECK(refusal({{"embed"}, Kind<EditRule>("zero"), {"4"}}).empty());
  CHECK(refusal({{"blocks.0.attn.scores"}, Kind<EditRule>("hide"), {"1"}, {}, {"5"}}) == named);
  CHECK(refusal({{"embed"}, Kind<EditRule>("patch"), {"1"}}, {{"from", "5"}}) == named);
  CHECK(refusal({{"embed"}, Kind<EditRule>("donor"), {"1"}}, {{"from", "5"}}) == named);
  CHECK(refusal({{"embed"}, Kind<EditRule>("donor"), {"1"}}, {{"from", "4"}}).empty());
  CHECK(refusal({{"embed"}, Kind<EditRule>("donor")}) == named);
  CHECK(refusal({{"positions"}, Kind<EditRule>("swap"), {"1", "5"}}) == named);
  CHECK(refusal({{"tokens"}, Kind<EditRule>("set"), {"4"}}, {{"value", double{kPad}}}) ==
        "tokens: an edit makes the end of a sequence padding (token 39). Put another token there.");
  CHECK(refusal({{"tokens"}, Kind<EditRule>("set")}, {{"value", 7.0}}).empty());
}

TEST_CASE("effective encodings are means over the tokens that are no padding") {
  const auto whole = sequences_of({12});
  std::vector<std::vector<int32_t>> cut = {{whole[0].begin(), whole[0].begin() + 7},
                                           {whole[0].begin() + 7, whole[0].end()}};
  const ModelConfig config = padded_model(12, "causal", "", ", position: learned");
  const auto model = uneven_model(config, kMask);
  ProbeConfig probe;
  const auto encodings = [&](const std::vector<std::vector<int32_t>>& all) {
    const auto data = padded(all);
    probe.batch = std::ssize(all);
    const Prober prober(*model, *data, probe, 0, When::always);
    return effective_encodings(*model, prober.sequences(), prober.lengths());
  };
  const std::vector<float> one = encodings(whole), two = encodings(cut);
  REQUIRE(one.size() == two.size());
  // Sums of 12 numbers of about 1 in another order.
  for (size_t i = 0; i < one.size(); ++i) CHECK(std::abs(one[i] - two[i]) < 2e-6);
}

namespace {

Mechanism mechanism_of(const Case& c, const std::vector<std::vector<int32_t>>& all,
                       int64_t context) {
  const auto data = padded(all);
  const auto model = c.model(context, *data);
  ProbeConfig probe;
  probe.batch = std::ssize(all);
  Prober prober(*model, *data, probe, 0, When::always);
  return find_mechanism(*model, prober, {0.15, 1.2, 0.9});
}

}  // namespace

TEST_CASE("the mechanism of padded sequences is that of the sequences cut") {
  for (const char* mask : {"causal", "bidirectional"}) {
    CAPTURE(mask);
    const Case c = {mask, "", ", position: rope"};
    const auto all = sequences_of({9, 9, 9, 9});
    const Mechanism padding = mechanism_of(c, all, T), cut = mechanism_of(c, all, 9);
    CHECK(cut.status != Verdict::neither);
    CHECK(padding.waiver == cut.waiver);
    CHECK(padding.key == cut.key);
    CHECK(padding.status == cut.status);
    CHECK(padding.others == cut.others);
    CHECK(padding.selected_by == cut.selected_by);
    CHECK(same(padding.received, cut.received));
    CHECK(same(padding.enrichment, cut.enrichment));
    CHECK(same(padding.value_ratio, cut.value_ratio));
    CHECK(same(padding.follows.content, cut.follows.content));
    CHECK(same(padding.follows.both, cut.follows.both));
    REQUIRE(padding.findings.size() == cut.findings.size());
    for (size_t i = 0; i < cut.findings.size(); ++i) {
      CAPTURE(cut.findings[i].id);
      CHECK(padding.findings[i].outcome == cut.findings[i].outcome);
    }
  }
}

TEST_CASE("the mechanism compares keys that every sequence has, and needs two of them") {
  const Case c = {"bidirectional", "", ", position: rope"};
  const Mechanism m = mechanism_of(c, sequences_of({13, 4, 9}), T);
  CHECK(m.waiver < 4);
  for (const int64_t other : m.others) CHECK(other < 4);
  CHECK(error_of([&] {
          mechanism_of(c, sequences_of({9, 1}), T);
        }) ==
        "model.attention.mask.padding: before its padding, the shortest sequence of the probe "
        "batch has 1 token, too few to compare. The mechanism tests need two keys that every "
        "sequence has and many queries see.");
}

}  // namespace waiver
