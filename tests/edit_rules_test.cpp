#include "probe/edits/edits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "datasets.h"
#include "distance.h"
#include "edited.h"
#include "probe/prober.h"
#include "temporary.h"

// Edits that take vectors from elsewhere, or weights to elsewhere: donor, redirect, shuffle.

namespace waiver {

using namespace edited_passes;

namespace {

// What passes over `sequences` show at a point with donors from a natural pass, `part` of them at a
// time.
std::vector<float> with_donors(const Transformer& model, std::vector<EditConfig> configs,
                               const std::vector<PositionNames>& names, int64_t sequences,
                               int64_t part, const std::string& shown) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < sequences * T; ++i)
    tokens.push_back(static_cast<int32_t>((i * i + 5 * i + i / T) % V));
  Edits edits(std::move(configs), model.config(), T, names);
  DonorStates donors(edits.donor_points(), model.config(), T);
  const auto in_parts = [&](int64_t size, const auto& f) {
    for (int64_t b = 0; b < sequences; b += size) {
      const int64_t count = std::min(size, sequences - b);
      f(b, std::vector(tokens.begin() + b * T, tokens.begin() + (b + count) * T), count);
    }
  };
  const auto pass = [&](const std::vector<int32_t>& ids, int64_t count, Intervention* changes) {
    Arena arena;
    Tape tape(arena, false);
    Everything all;
    model.forward(tape, {ids, count, T, {}, {}, changes}, &all);
    return all.shown.at(shown);
  };
  in_parts(2, [&](int64_t, const std::vector<int32_t>& ids, int64_t n) { pass(ids, n, &donors); });
  edits.give(donors);
  std::vector<float> out;
  in_parts(part, [&](int64_t b, const std::vector<int32_t>& ids, int64_t n) {
    edits.begin(b, std::vector<int64_t>(sequences, T));
    const std::vector<float> one = pass(ids, n, &edits);
    out.insert(out.end(), one.begin(), one.end());
  });
  return out;
}

}  // namespace

TEST_CASE("a donor's vector is that of another sequence in the natural pass, in a circle") {
  constexpr int64_t C = 16, sequences = 5;
  for (const double sinks : {0, 2}) {
    const Transformer model(config_of({{}, {{"sink_tokens", sinks}}}), V, 1);
    const std::string values = "blocks.1.attn.qkv";
    const int64_t R = static_cast<int64_t>(sinks), S = R + T;
    const auto plain = with_donors(model, {}, {{}}, sequences, sequences, values);
    const auto at = [&](const std::vector<float>& x, int64_t b, int64_t t) {
      const auto row = x.begin() + ((b * S + R + t) * 3 + 2) * C;  // of values
      return std::vector<float>(row, row + C);
    };
    for (const double further : {1, 3, 5, 7}) {
      CAPTURE(further);
      const SetFields own({{"sequence", further}});
      const auto now = with_donors(model, {edit({"blocks.1.attn.v"}, "donor", {"3", "6"}, own)},
                                   {{}}, sequences, sequences, values);
      for (int64_t b = 0; b < sequences; ++b)
        for (int64_t t = 0; t < T; ++t) {
          const int64_t other = (b + static_cast<int64_t>(further)) % sequences;
          CHECK(at(now, b, t) == at(plain, t == 3 || t == 6 ? other : b, t));
        }
    }
    // From one position there, and from a name that stands elsewhere in each sequence.
    const SetFields from(SetFields::Values{{"from", "key"}, {"sequence", 2.0}});
    std::vector<PositionNames> names;
    for (int64_t b = 0; b < sequences; ++b) names.push_back({{"key", (2 * b + 1) % T}});
    for (const bool moves : {false, true}) {
      CAPTURE(moves);
      if (!moves) names.resize(1);
      if (moves)
        for (int64_t b = 1; b < sequences; ++b) names.push_back({{"key", (2 * b + 1) % T}});
      const auto now = with_donors(model, {edit({"blocks.1.attn.v"}, "donor", {"key"}, from)},
                                   names, sequences, 1, values);
      const auto key = [&](int64_t b) { return names[moves ? b : 0].at("key"); };
      for (int64_t b = 0; b < sequences; ++b)
        for (int64_t t = 0; t < T; ++t) {
          const int64_t other = (b + 2) % sequences;
          CHECK(at(now, b, t) == (t == key(b) ? at(plain, other, key(other)) : at(plain, b, t)));
        }
    }
  }
}

TEST_CASE("donors are the same, whatever part of a batch passes at once") {
  const Transformer model(config_of({}), V, 1);
  const SetFields from(SetFields::Values{{"from", "2"}, {"sequence", 4.0}});
  const std::vector<EditConfig> edits = {edit({"blocks.*.attn.v"}, "donor", {"0", "4"}, from),
                                         edit({"blocks.0.resid"}, "donor", {"5"})};
  const auto whole = with_donors(model, edits, {{}}, 5, 5, "logits");
  for (const int64_t part : {1, 2, 3})
    CHECK(same_bits(with_donors(model, edits, {{}}, 5, part, "logits"), whole));
  CHECK(same_bits(with_donors(model, edits, std::vector<PositionNames>(5), 5, 1, "logits"), whole));
  CHECK_FALSE(same_bits(with_donors(model, {}, {{}}, 5, 5, "logits"), whole));
}

TEST_CASE("a prober measures the same, whether names are given once or for each sequence") {
  const auto data = open_with("nop", {{"features", 8}, {"dedicated", "random"}}, 12);
  const Transformer model(config_of({{{"input", "features"}, {"attention.mask", "bidirectional"}},
                                     {{"width", 8}, {"dedicated.count", 1}}}),
                          data->vocabulary(), 1);
  ProbeConfig probe;
  probe.batch = 5;
  Prober prober(model, *data, probe, 0);
  const auto measured = [&](const std::vector<PositionNames>& names) {
    const SetFields from(SetFields::Values{{"from", "key"}, {"sequence", 3.0}});
    Edits edits({edit({"blocks.*.attn.v"}, "donor", {"key"}, from),
                 edit({"tokens", "features"}, "swap", {"key", "7"}),
                 edit({"blocks.0.attn.pattern"}, "redirect", {"2"})},
                model.config(), 12, names);
    prober.measure(false, &edits);
    std::vector<std::vector<float>> out;
    for (const auto& [name, values] : prober.values()) out.push_back(*values);
    return out;
  };
  const PositionNames key = {{"key", 4}};
  const auto once = measured({key}), each = measured(std::vector<PositionNames>(5, key));
  for (size_t i = 0; i < once.size(); ++i) {
    CAPTURE(prober.series()[i].name);
    CHECK(same_numbers(once[i], each[i]));
  }
}

TEST_CASE("redirected keys are hidden ones where weights are shares, and rows keep their sums") {
  for (const auto& normalizer : registry<Normalizer>())
    for (const char* mask : {"causal", "bidirectional"}) {
      reference::Edits setting{
          {{"attention.normalizer", std::string(normalizer.name)}, {"attention.mask", mask}}, {}};
      if (normalizer.name == "clipped") setting.numbers["attention.normalizer.alpha"] = 1;
      CAPTURE(normalizer.name);
      CAPTURE(mask);
      const Transformer model(config_of(setting), V, 1);
      const auto plain = run(model, nullptr).at("blocks.0.attn.pattern");
      EditConfig redirect = edit({"blocks.0.attn.pattern"}, "redirect", {"2", "5"});
      const auto now = edited(model, {redirect});
      for (int64_t row = 0; row < B * 2 * T; ++row) {
        const float *before = &plain[row * T], *after = &now.at("blocks.0.attn.pattern")[row * T];
        const double sum = std::accumulate(before, before + T, 0.0),
                     taken = double{before[2]} + before[5];
        CHECK(std::abs(std::accumulate(after, after + T, 0.0) - sum) < 1e-6 * std::max(1.0, sum));
        for (int64_t k = 0; k < T; ++k)
          if (sum - taken > 0)
            CHECK(after[k] ==
                  (k == 2 || k == 5
                       ? 0
                       : doctest::Approx(before[k] * sum / (sum - taken)).epsilon(1e-6)));
      }
      if (normalizer.name != "softmax") continue;
      const auto hidden = edited(model, {edit({"blocks.0.attn.scores"}, "hide", {"2", "5"},
                                              SetFields(SetFields::Values{{"own", "true"}}))});
      for (const char* point : {"blocks.0.attn.pattern", "logits"})
        CHECK(distance(now.at(point), hidden.at(point)) < kRounding);
    }
}

TEST_CASE("a row that gave the redirected keys all its weight stays as it is") {
  const Transformer model(config_of({{{"attention.mask", "causal"}}, {}}), V, 1);
  const auto plain = run(model, nullptr).at("blocks.0.attn.pattern");
  const auto now = edited(model, {edit({"blocks.0.attn.pattern"}, "redirect", {"0"})})
                       .at("blocks.0.attn.pattern");
  for (int64_t row = 0; row < B * 2 * T; ++row) {
    CHECK(now[row * T] == (row % T == 0 ? 1.0f : 0.0f));
    CHECK(plain[row * T] > 0);
  }
}

TEST_CASE("a shuffle is a permutation in which nothing stays, another for each seed") {
  const Transformer model(config_of({}), V, 1);
  const auto plain = run(model, nullptr).at("embed");
  const auto order_of = [&](double seed, const std::vector<std::string>& positions) {
    const auto now =
        edited(model, {edit({"embed"}, "shuffle", positions, SetFields({{"seed", seed}}))})
            .at("embed");
    std::vector<int64_t> order;
    for (int64_t b = 0; b < B; ++b)
      for (int64_t t = 0; t < T; ++t) {
        int64_t from = -1;
        for (int64_t u = 0; u < T; ++u)
          if (std::equal(&now[(b * T + t) * 16], &now[(b * T + t) * 16] + 16,
                         &plain[(b * T + u) * 16]))
            from = u;
        order.push_back(from);
      }
    for (int64_t t = 0; t < T; ++t) CHECK(order[t] == order[T + t]);  // alike in all sequences
    order.resize(T);
    return order;
  };
  std::set<std::vector<int64_t>> found;
  for (int64_t seed = 0; seed < 20; ++seed) {
    std::vector<int64_t> order = order_of(static_cast<double>(seed), {});
    for (int64_t t = 0; t < T; ++t) CHECK(order[t] != t);
    found.insert(order);
    std::ranges::sort(order);
    for (int64_t t = 0; t < T; ++t) CHECK(order[t] == t);
  }
  CHECK(found.size() > 15);
  const std::vector<int64_t> some = order_of(0, {"2", "7"});
  for (int64_t t = 0; t < T; ++t) CHECK(some[t] == (t == 2 ? 7 : t == 7 ? 2 : t));
  CHECK(order_of(0, {"4"})[4] == 4);  // one alone has nowhere to go
  // In a row of scores it moves among the keys that the query sees.
  const auto scores = edited(model, {edit({"blocks.0.attn.scores"}, "shuffle")});
  const auto before = run(model, nullptr).at("blocks.0.attn.scores");
  for (int64_t row = 0; row < B * 2 * T; ++row) {
    std::vector<float> x(&before[row * T], &before[row * T] + row % T + 1),
        y(&scores.at("blocks.0.attn.scores")[row * T],
          &scores.at("blocks.0.attn.scores")[row * T] + row % T + 1);
    CHECK((x == y) == (row % T == 0));
    std::ranges::sort(x);
    std::ranges::sort(y);
    CHECK(x == y);
  }
}

}  // namespace waiver
