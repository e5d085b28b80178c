#include "probe/edits/edits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "distance.h"
#include "edited.h"
#include "temporary.h"

// Edits of a forward pass: what they do, and that they do nothing else.

namespace waiver {

using namespace edited_passes;

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

TEST_CASE("the dose of a position's encoding scales what it adds, where it adds something") {
  const SetFields none({{"by", 0.0}});
  for (const char* kind : {"learned", "sinusoidal"}) {
    const Transformer model(config_of({{{"position", kind}}, {}}), V, 1);
    const Transformer bare(config_of({{{"position", "none"}}, {}}), V, 1);
    const auto plain = run(model, nullptr).at("embed"), without = run(bare, nullptr).at("embed");
    const auto now = edited(model, {edit({"embed.position"}, "scale", {"3"}, none)}).at("embed");
    for (int64_t n = 0; n < B * T; ++n)
      for (int64_t c = 0; c < 16; ++c)
        CHECK(now[n * 16 + c] == (n % T == 3 ? without[n * 16 + c] : plain[n * 16 + c]));
  }
  const auto has = [](const std::string& point, reference::Edits settings) {
    return error_of([&] { Edits({edit({point}, "zero", {"3"})}, config_of(settings), T); }).empty();
  };
  const reference::Edits learned = {{{"position", "learned"}}, {}},
                         rope = {{{"position", "rope"}}, {}},
                         late = {{{"position", "learned"}, {"position.into", "attention"}}, {}};
  CHECK(has("embed.position", learned));
  CHECK_FALSE(has("embed.position", rope));
  CHECK_FALSE(has("embed.position", late));
  CHECK(has("blocks.1.attn.position", late));
  CHECK_FALSE(has("blocks.1.attn.position", learned));
}

TEST_CASE("a position is named once in an edit") {
  const ModelConfig config = config_of({});
  const auto why = [&](const std::vector<std::string>& positions, const char* rule = "zero") {
    return error_of([&] {
      Edits({edit({"embed"}, rule, positions)}, config, T, PositionNames{{"waiver", 3}});
    });
  };
  CHECK(why({"2", "2"}) == "edits[0]: 2 is named twice. Name each position once.");
  CHECK(why({"waiver", "3"}, "swap") ==
        "edits[0]: waiver and 3 are the same position. Name each position once.");
  CHECK(why({"waiver", "4"}, "swap").empty());
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
