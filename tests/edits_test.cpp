#include "probe/edits/edits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "datasets.h"
#include "distance.h"
#include "model/transformer.h"
#include "probe/prober.h"
#include "reference/settings.h"
#include "temporary.h"

// Edits of a forward pass: what they do, and that they do nothing else.

namespace waiver {
namespace {

constexpr int64_t T = 9, B = 2, V = 11;

ModelConfig config_of(reference::Edits edits) {
  for (const auto& [key, number] : std::map<std::string, double>{
           {"layers", 2}, {"heads", 2}, {"width", 16}, {"context", 12}, {"mlp.width", 24}})
    edits.numbers.emplace(key, number);
  ModelConfig config;
  reference::Settings(config, edits);
  return config;
}

std::vector<int32_t> some_tokens() {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < B * T; ++i) out.push_back(static_cast<int32_t>((i * i + 3 * i + 1) % V));
  return out;
}

// Everything that a pass shows, by full name.
struct Everything : Capture {
  bool wants(int64_t, Point) const override { return true; }
  void take(int64_t layer, Point point, const Tensor& t) override {
    auto& copy = shown[point_name(layer, point)];
    copy.clear();
    const int64_t columns = t.shape[-1];
    for (int64_t r = 0; r < t.size() / columns; ++r)
      copy.insert(copy.end(), t.data + r * (t.pitch ? t.pitch : columns),
                  t.data + r * (t.pitch ? t.pitch : columns) + columns);
  }
  std::map<std::string, std::vector<float>> shown;
};

std::map<std::string, std::vector<float>> run(const Transformer& model, Intervention* edits,
                                              std::vector<int32_t> tokens = some_tokens(),
                                              std::vector<int32_t> positions = {}) {
  Arena arena;
  Tape tape(arena, false);
  Everything all;
  Input input{tokens, B, T, positions, {}, edits};
  const std::vector<float> effective(model.config().context * model.config().width, 0.5f);
  input.effective = effective;
  model.forward(tape, input, &all);
  return all.shown;
}

EditConfig edit(std::vector<std::string> at, const std::string& rule,
                std::vector<std::string> positions = {}, SetFields options = SetFields({})) {
  EditConfig out;
  out.at = std::move(at);
  out.edit.set(rule);
  out.edit->options(options);
  out.positions = std::move(positions);
  return out;
}

bool same_bits(const std::vector<float>& x, const std::vector<float>& y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

std::map<std::string, std::vector<float>> edited(const Transformer& model,
                                                 std::vector<EditConfig> edits,
                                                 const PositionNames& names = {}) {
  Edits all(std::move(edits), model.config(), T, names);
  return run(model, &all);
}

// Rounding of fp32 through two blocks, the sums of a row in another order.
constexpr double kRounding = 5e-6;

std::vector<reference::Edits> every_normalizer_and_slot() {
  std::vector<reference::Edits> out;
  for (const auto& normalizer : registry<Normalizer>())
    for (const char* slot : {"none", "key_value"}) {
      const std::string name(normalizer.name);
      out.push_back({{{"attention.normalizer", name}, {"attention.slot", slot}}, {}});
      // Its default is meant for rows of 12 keys and more, and would leave no weight here.
      if (name == "clipped") out.back().numbers["attention.normalizer.alpha"] = 1;
    }
  return out;
}

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
    edits.begin(b, sequences);
    const std::vector<float> one = pass(ids, n, &edits);
    out.insert(out.end(), one.begin(), one.end());
  });
  return out;
}

}  // namespace

TEST_CASE("a pass whose points are left as they are has the bits of a plain one") {
  for (const reference::Edits& setting : every_normalizer_and_slot()) {
    const Transformer model(config_of(setting), V, 1);
    const auto plain = run(model, nullptr);
    for (const PlacedPoint& at : points_of(model.config(), &PointInfo::edited)) {
      INFO(at.name());
      const char* rule = about(at.point).kind == PointKind::ids ? "patch" : "scale";
      const SetFields same({{"by", 1.0}, {"from", "4"}});
      const auto now = edited(model, {edit({at.name()}, rule, {"4"}, same)});
      for (const auto& [name, values] : plain) CHECK(same_bits(now.at(name), values));
    }
  }
}

TEST_CASE(
    "hidden keys are as if the mask hid them, under every normalizer, with and without a slot") {
  for (reference::Edits setting : every_normalizer_and_slot()) {
    const Transformer open(config_of(setting), V, 1);
    setting.numbers["attention.mask.window"] = 3;
    const Transformer masked(config_of(setting), V, 1);
    std::vector<EditConfig> hide;
    for (int64_t i = 3; i < T; ++i) {
      EditConfig far = edit({"blocks.*.attn.scores"}, "hide");
      for (int64_t j = 0; j + 3 <= i; ++j) far.positions.push_back(std::to_string(j));
      far.queries = {std::to_string(i)};
      hide.push_back(far);
    }
    INFO(open.config().attention.normalizer.name());
    CHECK(distance(edited(open, hide).at("logits"), run(masked, nullptr).at("logits")) < kRounding);
    CHECK(distance(run(open, nullptr).at("logits"), run(masked, nullptr).at("logits")) > 1e-3);
  }
}

TEST_CASE("a row whose other keys are hidden is a self-only row") {
  const Transformer open(config_of({}), V, 1);
  const Transformer masked(config_of({{}, {{"attention.mask.self_only.0", 5}}}), V, 1);
  EditConfig alone = edit({"blocks.*.attn.scores"}, "hide");
  alone.except = alone.queries = {"other"};
  CHECK(distance(edited(open, {alone}, {{"other", 5}}).at("logits"),
                 run(masked, nullptr).at("logits")) < kRounding);
}

TEST_CASE("an edit touches its own positions, heads and layers, and what follows from them") {
  const Transformer model(config_of({}), V, 1);
  const auto plain = run(model, nullptr);
  EditConfig zero = edit({"blocks.1.attn.v"}, "zero", {"3"});
  zero.heads = {1};
  const auto now = edited(model, {zero});
  for (const auto& [name, values] : plain)
    if (!name.starts_with("blocks.1") && name != "final.norm" && name != "logits")
      CHECK(same_bits(now.at(name), values));
  CHECK(same_bits(now.at("blocks.1.attn.pattern"), plain.at("blocks.1.attn.pattern")));
  const int64_t C = 16, D = 8;
  for (int64_t n = 0; n < B * T; ++n)
    for (int64_t c = 0; c < 3 * C; ++c) {
      const bool own = n % T == 3 && c >= 2 * C + D;
      CHECK(now.at("blocks.1.attn.qkv")[n * 3 * C + c] ==
            (own ? 0.0f : plain.at("blocks.1.attn.qkv")[n * 3 * C + c]));
    }
  for (int64_t n = 0; n < B * T; ++n)
    for (int64_t c = 0; c < C; ++c)
      CHECK((now.at("blocks.1.attn.mix")[n * C + c] != plain.at("blocks.1.attn.mix")[n * C + c]) ==
            (n % T >= 3 && c >= D));
}

TEST_CASE("a hidden key changes its own rows of its own heads, and no other bit of the block") {
  const Transformer model(config_of({}), V, 1);
  const auto plain = run(model, nullptr);
  EditConfig hide = edit({"blocks.1.attn.scores"}, "hide", {"2"});
  hide.heads = {0};
  hide.queries = {"6"};
  const auto now = edited(model, {hide});
  const int64_t C = 16, D = 8;
  for (int64_t n = 0; n < B * T; ++n)
    for (int64_t c = 0; c < C; ++c)
      CHECK((now.at("blocks.1.attn.mix")[n * C + c] != plain.at("blocks.1.attn.mix")[n * C + c]) ==
            (n % T == 6 && c < D));
  for (int64_t b = 0; b < B; ++b) {
    const float* row = &now.at("blocks.1.attn.pattern")[((b * 2 + 0) * T + 6) * T];
    CHECK(row[2] == 0.0f);
    CHECK(std::abs(std::accumulate(row, row + T, 0.0) - 1.0) < 1e-6);
  }
}

TEST_CASE("positions of edits count tokens, whatever sink tokens stand in front of them") {
  const int64_t sinks = 2, S = sinks + T, C = 16, D = 8;
  const Transformer model(config_of({{}, {{"sink_tokens", sinks}}}), V, 1);
  const auto plain = run(model, nullptr);
  EditConfig zero = edit({"blocks.0.attn.v"}, "zero", {"3"});
  zero.heads = {1};
  const auto values = edited(model, {zero}).at("blocks.0.attn.qkv");
  for (int64_t n = 0; n < B * S; ++n)
    for (int64_t c = 0; c < 3 * C; ++c) {
      const bool own = n % S == sinks + 3 && c >= 2 * C + D;
      CHECK(values[n * 3 * C + c] == (own ? 0.0f : plain.at("blocks.0.attn.qkv")[n * 3 * C + c]));
    }
  EditConfig hide = edit({"blocks.0.attn.scores"}, "hide", {"2"});
  hide.queries = {"6"};
  const auto pattern = edited(model, {hide}).at("blocks.0.attn.pattern");
  for (int64_t row = 0; row < B * 2 * S; ++row)
    for (int64_t k = 0; k < S; ++k) {
      const float before = plain.at("blocks.0.attn.pattern")[row * S + k];
      if (row % S != sinks + 6)
        CHECK(pattern[row * S + k] == before);
      else if (k == sinks + 2)
        CHECK(pattern[row * S + k] == 0);
      else if (k <= sinks + 6)
        CHECK(pattern[row * S + k] > before);  // the others share what it had
    }
}

TEST_CASE("what a hidden key had goes to the slot too") {
  const Transformer model(config_of({{{"attention.slot", "key_value"}}, {}}), V, 1);
  const auto plain = run(model, nullptr);
  const auto now = edited(model, {edit({"blocks.*.attn.scores"}, "hide", {"0", "1"})});
  for (int64_t row = 0; row < B * 2 * T; ++row) {
    const float* weights = &now.at("blocks.0.attn.pattern")[row * T];
    const double slot = now.at("blocks.0.attn.slot")[row];
    CHECK(std::abs(std::accumulate(weights, weights + T, slot) - 1) < 1e-6);  // rounding of a row
    CHECK((slot > plain.at("blocks.0.attn.slot")[row]) == (row % T > 0));     // row 0 sees itself
  }
}

TEST_CASE("what the mask hides stays hidden") {
  const Transformer model(config_of({}), V, 1);
  for (const char* point : {"blocks.*.attn.scores", "blocks.*.attn.pattern"}) {
    const auto now = edited(model, {edit({point}, "set", {}, SetFields({{"value", 0.5}}))});
    for (int64_t row = 0; row < B * 2 * T; ++row)
      for (int64_t j = 0; j < T; ++j)
        CHECK((now.at("blocks.0.attn.pattern")[row * T + j] > 0) == (j <= row % T));
  }
}

TEST_CASE("swapped tokens and positions are those of another input") {
  const Transformer model(config_of({}), V, 1);
  std::vector<int32_t> tokens = some_tokens(), positions(T);
  std::iota(positions.begin(), positions.end(), 0);
  std::swap(positions[0], positions[5]);
  Edits moved({edit({"positions"}, "swap", {"0", "5"})}, model.config(), T);
  std::vector<int32_t> ids(T);
  std::iota(ids.begin(), ids.end(), 0);
  moved.edit_positions(ids);
  CHECK(ids == positions);
  Edits swapped({edit({"tokens"}, "swap", {"0", "5"})}, model.config(), T);
  std::vector<int32_t> expected = tokens;
  for (int64_t b = 0; b < B; ++b) std::swap(expected[b * T], expected[b * T + 5]);
  swapped.edit_tokens(tokens, V);
  CHECK(tokens == expected);
}

TEST_CASE("each rule does what it says") {
  const Transformer model(config_of({}), V, 1);
  const auto plain = run(model, nullptr).at("embed");
  const auto row = [](const std::vector<float>& x, int64_t t) {
    return std::vector<float>(x.begin() + t * 16, x.begin() + (t + 1) * 16);
  };
  const auto after = [&](const EditConfig& e) { return edited(model, {e}).at("embed"); };
  const auto norm = [](const std::vector<float>& x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  };
  const SetFields from({{"seed", 3.0}, {"from", "0"}});
  CHECK(row(after(edit({"embed"}, "patch", {"4"}, from)), 4) == row(plain, 0));
  const auto swapped = after(edit({"embed"}, "swap", {"4", "7"}));
  CHECK(row(swapped, 4) == row(plain, 7));
  CHECK(row(swapped, 7) == row(plain, 4));
  auto permuted = row(after(edit({"embed"}, "permute", {"4"}, from)), 4), sorted = row(plain, 0);
  CHECK(permuted != sorted);
  std::ranges::sort(permuted);
  std::ranges::sort(sorted);
  CHECK(permuted == sorted);
  const auto noise = row(after(edit({"embed"}, "noise", {"4"}, from)), 4);
  CHECK(std::abs(norm(noise) / norm(row(plain, 0)) - 1) < 1e-6);  // fp32 rounding of 16 numbers
  CHECK(noise != row(plain, 0));
  const auto mean = row(after(edit({"embed"}, "mean", {"4"})), 4);
  for (int64_t c = 0; c < 16; ++c) {
    double sum = 0;
    for (int64_t t = 0; t < T; ++t) sum += plain[t * 16 + c];
    CHECK(mean[c] == static_cast<float>(sum / T));
  }
  const auto scaled = row(after(edit({"embed"}, "scale", {"4"}, SetFields({{"by", 2.0}}))), 4);
  for (int64_t c = 0; c < 16; ++c) CHECK(scaled[c] == 2 * row(plain, 4)[c]);
}

TEST_CASE("the dose of a position's encoding scales what it adds, and nothing where it adds none") {
  const SetFields none({{"by", 0.0}});
  for (const char* kind : {"learned", "sinusoidal", "rope"}) {
    const Transformer model(config_of({{{"position", kind}}, {}}), V, 1);
    const Transformer bare(config_of({{{"position", "none"}}, {}}), V, 1);
    const auto plain = run(model, nullptr).at("embed"), without = run(bare, nullptr).at("embed");
    const auto now = edited(model, {edit({"embed.position"}, "scale", {"3"}, none)}).at("embed");
    for (int64_t n = 0; n < B * T; ++n)
      for (int64_t c = 0; c < 16; ++c)
        CHECK(now[n * 16 + c] == (n % T == 3 ? without[n * 16 + c] : plain[n * 16 + c]));
  }
}

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

TEST_CASE("an intervention refuses a recorded pass, and edits refuse what makes no sense") {
  const Transformer model(config_of({}), V, 1);
  Edits edits({edit({"embed"}, "zero", {"0"})}, model.config(), T);
  CHECK(contains(error_of([&] {
                   Arena arena;
                   Tape tape(arena);
                   const std::vector<int32_t> tokens = some_tokens();
                   model.forward(tape, {tokens, B, T, {}, {}, &edits});
                 }),
                 "this pass is recorded"));
  const auto refused = [&](EditConfig e) {
    return error_of([&] { Edits({std::move(e)}, model.config(), T, {{"waiver", 0}}); });
  };
  CHECK(contains(refused(edit({"blocks.2.resid"}, "zero")), "matches no point of this model"));
  CHECK(
      contains(refused(edit({"blocks.0.resid"}, "hide")), "hide makes no sense at blocks.0.resid"));
  CHECK(contains(refused(edit({"tokens"}, "mean")), "mean makes no sense at tokens"));
  CHECK(contains(refused(edit({"embed"}, "zero", {"9"})),
                 "\"9\" is not a position of 9 tokens. Positions are 0 to 8, or one of: waiver."));
  CHECK(contains(refused(edit({"embed"}, "swap", {"1"})), "swap needs 2 positions, found 1"));
  EditConfig heads = edit({"embed"}, "zero");
  heads.heads = {0};
  CHECK(contains(refused(heads), "embed has no heads"));
  heads.at = {"blocks.0.attn.q"};
  heads.heads = {2};
  CHECK(contains(refused(heads), "there is no head 2; model.heads is 2"));
  EditConfig queries = edit({"embed"}, "zero");
  queries.queries = {"1"};
  CHECK(contains(refused(queries), "embed has no queries"));
  const Edits donor({edit({"embed"}, "donor", {"0"})}, model.config(), T);
  donor.check_donors(2);
  CHECK(contains(error_of([&] { donor.check_donors(1); }),
                 "edits[0]: 1 sequences further on in a probe batch of 1 is the same sequence."));
  std::vector<int32_t> tokens = some_tokens();
  CHECK(contains(error_of([&] {
                   Edits({edit({"tokens"}, "set", {"0"}, SetFields({{"value", 11.0}}))},
                         model.config(), T)
                       .edit_tokens(tokens, V);
                 }),
                 "11 is not an id in [0, 11)"));
}

}  // namespace waiver
