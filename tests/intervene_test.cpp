// `waiver intervene`: what a spec may say, and what the verb writes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "config_files.h"
#include "inspect/spec.h"
#include "program.h"
#include "run/log_file.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

constexpr int64_t L = 2, H = 2, T = 16;

// A run of three steps, trained once.
const Folder& folder() {
  static const Folder all;
  static const bool trained = [] {
    const auto config = all.write("tiny.yaml",
                                  "model: {layers: 2, heads: 2, width: 16, context: 16, "
                                  "mlp: {width: 24}}\n"
                                  "train: {steps: 3, batch: 4, eval: {every: 0}}\n"
                                  "probe: {every: 0, batch: 3}\n");
    return run_program({"train", config, "--out", all.path("run")}).status == 0;
  }();
  REQUIRE(trained);
  return all;
}

Ended intervene(const std::string& spec, Strings more = {}) {
  Strings all = {"intervene", folder().path("run"), folder().write("spec.yaml", spec)};
  all.insert(all.end(), more.begin(), more.end());
  return run_program(all);
}

// Runs the spec and opens what it wrote.
Log effects_of(const std::string& spec) {
  const std::string out = folder().path("effects.h5");
  const Ended ended = intervene(spec, {"--out", out, "--overwrite"});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  return Log::open(out);
}

std::string spec_complaint(const std::string& text, const Strings& overrides = {}) {
  ModelConfig model;
  model.heads = 2;
  model.context = T;
  const Folder own;
  const auto path = own.write("s.yaml", text);
  std::string message = complaint_of([&] { load_intervention(path, overrides, model, 67); });
  const std::string prefix = own.path("");
  for (size_t at; (at = message.find(prefix)) != message.npos;) message.erase(at, prefix.size());
  return message;
}

// The series of one arm; equal bits include NaN.
std::vector<double> of_arm(const Log& log, const std::string& name, size_t arm) {
  const Log::Data all = log.read("arms", name);
  const size_t size = all.values.size() / static_cast<size_t>(all.shape[0]);
  return {all.values.begin() + arm * size, all.values.begin() + (arm + 1) * size};
}

bool same_bits(const std::vector<double>& x, const std::vector<double>& y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
}

const std::string kHide =
    "positions: {waiver: 0, other: 5}\n"
    "arms:\n"
    "  - {name: nothing, edits: []}\n"
    "  - name: hide\n"
    "    edits:\n"
    "      - {at: blocks.1.attn.scores, edit: hide, positions: [other], heads: [1]}\n";

}  // namespace

TEST_CASE("every error of a spec is reported at once, with its place, arm and nearest name") {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"title: x\n", "s.yaml:1:1: arms: missing; it has no default."},
      {"arms: []\n", "s.yaml:1:7: arms: the list is empty."},
      {"arms: zero\n", "s.yaml:1:1: arms: expected a list of blocks."},
      {"arm: []\narms: [{name: a, edits: []}]\n",
       "s.yaml:1:1: arm: unknown key. Did you mean arms?"},
      {"positions: {other: 16, 7: 3}\n"
       "arms:\n"
       "  - {name: a, edit: [], edits: []}\n"
       "  - {name: a, edits: 3}\n"
       "  - {edits: []}\n"
       "  - foo\n",
       "s.yaml:1:20: positions.other: expected a whole number in [0, 16), found 16.\n"
       "s.yaml:1:24: positions.7: a number cannot be the name of a position.\n"
       "s.yaml:3:15: arms[0].edit: unknown key. Did you mean arms[0].edits?\n"
       "s.yaml:4:5: arms[1].name: two arms are called \"a\".\n"
       "s.yaml:4:15: arms[1].edits: expected a list of blocks. Write edits: [] for none.\n"
       "s.yaml:5:5: arms[2].name: missing; it has no default.\n"
       "s.yaml:6:5: arms[3]: expected a block of keys, found \"foo\". Its keys are arms[3].name "
       "and "
       "arms[3].edits."},
      {"positions: {other: 5}\n"
       "arms:\n"
       "  - name: zero\n"
       "    edits:\n"
       "      - {at: blocks.*.atn.v}\n"
       "      - {at: [embed], positions: [wavier]}\n"
       "      - {at: [embed], positions: [16]}\n"
       "      - {at: blocks.0.attn.v, heads: [2]}\n"
       "      - {at: tokens, edit: set, value: 67}\n"
       "      - {at: embed, edit: hide}\n",
       "s.yaml:5:9: arms.zero.edits[0]: [blocks.*.atn.v] matches no point of this model. Points "
       "are tokens, features, positions, embed.position, embed, blocks.L.attn.position, "
       "blocks.L.attn.q, blocks.L.attn.k, "
       "blocks.L.attn.v, blocks.L.attn.scores, blocks.L.attn.pattern, blocks.L.attn.mix, "
       "blocks.L.attn.out, blocks.L.mlp.out, blocks.L.effective, blocks.L.resid, final.norm, "
       "logits; for L write a block's number, or * for all of them.\n"
       "s.yaml:6:9: arms.zero.edits[1]: \"wavier\" is not a position of 16 tokens. Positions are 0 "
       "to "
       "15, or one of: other, waiver.\n"
       "s.yaml:7:9: arms.zero.edits[2]: \"16\" is not a position of 16 tokens. Positions are 0 to "
       "15, "
       "or one of: other, waiver.\n"
       "s.yaml:8:9: arms.zero.edits[3]: there is no head 2; model.heads is 2. Heads count from 0.\n"
       "s.yaml:9:9: arms.zero.edits[4]: 67 is not an id in [0, 67).\n"
       "s.yaml:10:9: arms.zero.edits[5]: hide makes no sense at embed. Hide keys at "
       "blocks.*.attn.scores."},
      {"arms:\n"
       "  - name: zero\n"
       "    edits:\n"
       "      - {at: [embed], edit: zeroo}\n"
       "      - {at: [embed], edit: zero, by: 3}\n"
       "      - {edit: zero, edit: zero}\n"
       "      - {at: embed, edit: patch}\n",
       "s.yaml:4:29: arms.zero.edits[0].edit: expected one of zero, set, mean, scale, patch, "
       "permute, noise, swap, shuffle, donor, hide or redirect, found \"zeroo\". Did you mean "
       "zero?\n"
       "s.yaml:5:35: arms.zero.edits[1].by: only edit scale has it; the edit here is zero.\n"
       "s.yaml:6:9: arms.zero.edits[2].at: missing; it has no default.\n"
       "s.yaml:6:22: arms[0].edits[2].edit: the key appears twice. The first is at s.yaml:6:10.\n"
       "s.yaml:7:9: arms.zero.edits[3].from: missing; it has no default."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(spec_complaint(text) == message);
  }
  CHECK(spec_complaint("arms: [{name: a, edits: []}]\n", {"positions.other=x"}) ==
        "override positions.other=x: positions.other: expected a whole number in [0, 16), found "
        "\"x\".");
}

TEST_CASE("points of a block L make an arm for every block, with the number in its name") {
  const Log log = effects_of(
      "positions: {waiver: 0}\n"
      "arms:\n"
      "  - {name: no MLP, edits: [{at: blocks.L.mlp.out, edit: zero}]}\n"
      "  - {name: no MLP in the second block, edits: [{at: [blocks.1.mlp.out], edit: zero}]}\n"
      "  - {name: no block, edits: [{at: [blocks.L.attn.out, blocks.L.mlp.out], edit: zero}]}\n");
  CHECK(log.strings("spec", "arm_name") ==
        Strings{"no MLP 0", "no MLP 1", "no MLP in the second block", "no block 0", "no block 1"});
  CHECK(same_bits(of_arm(log, "loss", 1), of_arm(log, "loss", 2)));
  CHECK_FALSE(same_bits(of_arm(log, "loss", 0), of_arm(log, "loss", 1)));
  CHECK(spec_complaint("arms:\n  - {name: a 1, edits: []}\n"
                       "  - {name: a, edits: [{at: blocks.L.resid, edit: zero}]}\n") ==
        "s.yaml:3:5: arms[1].name: two arms are called \"a 1\".");
  CHECK(spec_complaint("arms:\n  - {name: a, edits: [{at: blocks.L.x, edit: zero}]}\n")
            .starts_with("s.yaml:2:23: arms.a 0.edits[0]: [blocks.0.x] matches no point"));
}

TEST_CASE("an arm without edits has the bits of the natural pass, in every series") {
  const Log log = effects_of(kHide);
  const auto names = log.names("natural");
  CHECK(names.size() > 10);
  CHECK(names == log.names("arms"));
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(same_bits(of_arm(log, name, 0), log.read("natural", name).values));
  }
  CHECK_FALSE(same_bits(of_arm(log, "loss", 1), log.read("natural", "loss").values));
}

TEST_CASE("a hidden key receives nothing in its head, and no other head or earlier block changes") {
  const Log log = effects_of(kHide);
  const auto before = log.read("natural", "received_attention").values;
  const auto now = of_arm(log, "received_attention", 1);
  for (int64_t head = 0; head < L * H; ++head) {
    const std::vector<double> was(&before[head * T], &before[head * T] + T);
    const std::vector<double> is(&now[head * T], &now[head * T] + T);
    CAPTURE(head);
    CHECK(was[5] > 0);
    if (head == 3) {
      CHECK(is[5] == 0);
      CHECK(is[0] > was[0]);
    } else {
      CHECK(same_bits(is, was));
    }
  }
}

TEST_CASE("the file says what was run, and every axis has its scale") {
  const Log log = effects_of(kHide);
  CHECK(log.strings("spec", "arm_name") == Strings{"nothing", "hide"});
  CHECK(log.strings("spec", "position_name") == Strings{"other", "waiver"});
  CHECK(log.read("spec", "position").values == std::vector<double>{5, 0});
  CHECK(log.strings("spec", "text") == Strings{kHide});
  CHECK(log.read("spec", "updates").values == std::vector<double>{3});
  CHECK(log.spec("arms", "enrichment").axes == Strings{"arm", "layer", "head", "key"});
  CHECK(log.spec("arms", "loss").axes == Strings{"arm"});
  CHECK(log.read("arms", "value_ratio").shape == std::vector<int64_t>{2, L, H, T});
  CHECK(log.axes().at("arm") == 2);
}

TEST_CASE("a waiver that is not named is the key that the strongest head attends to most") {
  const std::string arms = "arms: [{name: zero, edits: [{at: embed, positions: [waiver]}]}]\n";
  const Log found = effects_of(arms);
  REQUIRE(found.strings("spec", "position_name") == Strings{"waiver"});
  const auto key = static_cast<int64_t>(found.read("spec", "position").values[0]);
  const auto alpha = found.read("natural", "received_attention").values;
  double most = 0;
  for (int64_t head = 0; head < L * H; ++head)
    for (int64_t k = 0; k < 3 * T / 4; ++k) most = std::max(most, alpha[head * T + k]);
  bool there = false;
  for (int64_t head = 0; head < L * H; ++head) there |= alpha[head * T + key] == most;
  CHECK(there);
  const Log named = effects_of(fmt::format("positions: {{waiver: {}}}\n", key) + arms);
  CHECK(same_bits(of_arm(named, "loss", 0), of_arm(found, "loss", 0)));
  const auto other = fmt::format("positions.other={}", key);
  const Ended ended = intervene(arms, {other, "--out", folder().path("same.h5")});
  CHECK(ended.status == 2);
  CHECK(contains(ended.output, fmt::format("the positions other and waiver are both {}. Choose "
                                           "another with positions.other=N.",
                                           key)));
  CHECK_FALSE(fs::exists(folder().path("same.h5")));
}

TEST_CASE(
    "the verb writes into the run, overwrites only when told, and leaves nothing when wrong") {
  const fs::path out = folder().path("run/interventions/spec.h5");
  const Ended bad = intervene("arms:\n  - {name: a, edits: [{at: nowhere}]}\n");
  CHECK(bad.status == 2);
  CHECK(contains(bad.output, "spec.yaml:2:23: arms.a.edits[0]: [nowhere] matches no point"));
  CHECK_FALSE(fs::exists(out.parent_path()));

  const Ended first = intervene(kHide);
  CHECK(first.status == 0);
  CHECK(contains(first.output, "Every series of every arm, layer, head and key: " + out.string()));
  const std::string bytes = file_text(out);
  const Ended again = intervene(kHide, {"positions.other=7"});
  CHECK(again.status == 2);
  CHECK(contains(again.output, "the file is there already. --overwrite replaces it"));
  CHECK(file_text(out) == bytes);
  CHECK(intervene(kHide, {"--overwrite", "--threads", "1"}).status == 0);
  CHECK(file_text(out) == bytes);
  CHECK(intervene(kHide, {"--overwrite", "positions.other=7"}).status == 0);
  CHECK(file_text(out) != bytes);
  fs::remove_all(out.parent_path());
}

TEST_CASE("the table shows every arm's loss, and each head's alpha, E and r_V with their change") {
  const Ended ended = intervene(kHide, {"--out", folder().path("table.h5"), "--overwrite"});
  REQUIRE(ended.status == 0);
  const Log log = Log::open(folder().path("table.h5"));
  const double before = log.read("natural", "loss").values[0], now = of_arm(log, "loss", 1)[0];
  CHECK(contains(ended.output, fmt::format("hide      loss {:.4f} {:+.4f}", now, now - before)));
  CHECK(contains(ended.output, "waiver (position 0)"));
  const double alpha = log.read("natural", "received_attention").values[3 * T + 5];
  CHECK(contains(ended.output, fmt::format("  {:>6.3f}{:>+7.3f}{:>7.2f}", 0.0, -alpha, 0.0)));
}

TEST_CASE("where a model takes features, a token's content is its kind and its features together") {
  const Folder own;
  const auto config =
      own.write("nop.yaml",
                "model: {layers: 1, width: 8, context: 16, input: features, position: none, mlp: "
                "{kind: none},\n"
                "        dedicated: {count: 1, std: 2}, attention: {mask: bidirectional}, init: "
                "{kind: normal, "
                "std: 0.5}}\n"
                "data: {kind: nop, features: 8}\n"
                "train: {steps: 3, batch: 4, objective: regression, eval: {every: 0}}\n"
                "probe: {every: 0, batch: 3}\n");
  REQUIRE(run_program({"train", config, "--out", own.path("run")}).status == 0);
  const auto spec = own.write("swap.yaml",
                              "positions: {waiver: 0, other: 5}\n"
                              "arms:\n"
                              "  - name: content\n"
                              "    edits: [{at: [tokens, features], edit: swap, positions: "
                              "[waiver, other]}]\n"
                              "  - name: kind\n"
                              "    edits: [{at: tokens, edit: swap, positions: [waiver, other]}]\n"
                              "  - name: features\n"
                              "    edits: [{at: features, edit: swap, positions: [0, 5]}]\n");
  const Ended ended =
      run_program({"intervene", own.path("run"), spec, "--out", own.path("out.h5")});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  const Log log = Log::open(own.path("out.h5"));
  const auto before = log.read("natural", "received_attention").values;
  // Without an encoding, attention goes where the content goes.
  const auto swapped = of_arm(log, "received_attention", 0);
  for (int64_t k = 0; k < T; ++k)
    CHECK(swapped[k] == doctest::Approx(before[k == 0 ? 5 : k == 5 ? 0 : k]).epsilon(1e-5));
  CHECK(std::abs(before[0] - before[5]) > 1e-3);
  // A half of it is neither: the vector of the dedicated token goes with its kind.
  for (const size_t arm : {1, 2}) {
    const auto half = of_arm(log, "received_attention", arm);
    CHECK(std::abs(half[5] - before[0]) > 1e-4);
    CHECK(std::abs(half[5] - before[5]) > 1e-4);
  }
}

TEST_CASE("the docs of specs name every key, rule and point") {
  const Ended ended = run_program({"intervene", "--docs"});
  CHECK(ended.status == 0);
  for (const KeyInfo& key : intervention_keys())
    if (key.type != KeyInfo::Type::block && key.condition.empty())
      CHECK(contains(ended.output, "\n" + key.name + "\n  default  "));
  for (const auto& rule : registry<EditRule>())
    CHECK(contains(ended.output, fmt::format("\n{}\n  what it puts there  ", rule.name)));
  for (const char* point : {"tokens", "embed.position", "blocks.L.attn.scores", "logits"})
    CHECK(contains(ended.output, fmt::format("\n{}\n  shape  ", point)));
}

TEST_CASE("the ready specs can be read for a small model, and none of their arms is empty") {
  ModelConfig model;
  model.heads = 2;
  model.context = 64;
  int64_t count = 0;
  for (const auto& file : fs::directory_iterator(WAIVER_SOURCE_DIR "/experiments/interventions")) {
    const InterventionSpec spec = load_intervention(file.path().string(), {}, model, 60);
    CHECK_FALSE(spec.title.empty());
    CHECK_FALSE(spec.question.empty());
    for (const InterventionArm& arm : spec.arms) CHECK_FALSE(arm.edits.empty());
    ++count;
  }
  CHECK(count == 8);
}
