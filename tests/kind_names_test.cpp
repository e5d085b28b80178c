// Kinds by a word alone, and shorter trials of a longer run.
#include "config/config.h"
#include "config_files.h"
#include "core/error.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

// Settings without which some kinds make no sense.
Strings with_needs(const std::string& block, std::string_view kind, Strings overrides) {
  if (block == "data" && kind == "text") overrides.push_back("data.path=x");
  if (block == "data" && kind == "tokens")
    overrides.insert(overrides.end(), {"data.train=x", "data.validation=x"});
  const bool features = block == "data" && Kind<Dataset>(kind)->features() > 0;
  if (features || kind == "regression")
    overrides.insert(overrides.end(),
                     {"model.input=features", "data.features=64", "train.objective=regression"});
  if (kind == "regression") overrides.push_back("data.kind=trigger_average");
  if (kind == "nop") overrides.push_back("model.dedicated.count=1");
  if (kind == "bidirectional") overrides.push_back("train.objective=masked_token");
  return overrides;
}

}  // namespace

TEST_CASE(
    "every kind whose options have defaults is taken by its name alone, wherever it is given") {
  int tried = 0;
  for (const KeyInfo& key : config_keys()) {
    const bool by_choice = key.type == KeyInfo::Type::choice && key.name.ends_with(".kind");
    if (key.type != KeyInfo::Type::kind && !by_choice) continue;
    if (!key.condition.empty()) continue;
    const std::string block = by_choice ? key.name.substr(0, key.name.size() - 5) : key.name;
    for (const Choice& choice : key.choices) {
      const std::string word(choice.name);
      const auto yaml = [&](const std::string& value) {
        std::string text = value, rest = block;
        for (size_t at; (at = rest.rfind('.')) != rest.npos; rest.resize(at))
          text = "{" + rest.substr(at + 1) + ": " + text + "}";
        return rest + ": " + text + "\n";
      };
      CAPTURE(block);
      CAPTURE(word);
      const Strings needs = with_needs(block, choice.name, {"model.width=64"});
      Strings by_word = {block + "=" + word}, by_kind = {block + ".kind=" + word};
      by_word.insert(by_word.end(), needs.begin(), needs.end());
      by_kind.insert(by_kind.end(), needs.begin(), needs.end());
      const auto yaml_of = [&](const std::string& text, const Strings& overrides) -> std::string {
        try {
          return to_yaml(parse(text, overrides));
        } catch (const Error& problem) {
          return problem.what();
        }
      };
      const std::string expected = yaml_of("", by_kind);
      CHECK(expected.find("unknown key") == expected.npos);
      CHECK(yaml_of("", by_word) == expected);
      CHECK(yaml_of(yaml(word), needs) == expected);
      CHECK(yaml_of(yaml("{kind: " + word + "}"), needs) == expected);
      ++tried;
    }
  }
  CHECK(tried > 40);
}

TEST_CASE(
    "a kind by its name drops the options of the kind beneath it, and takes some of its own") {
  CHECK(!contains(to_yaml(parse("model: {norm: {kind: layer, eps: 0.1}}\n", {"model.norm=none"})),
                  "0.1"));
  CHECK(parse("model: {init: {kind: gpt2, std: 0.1}}\n", {"model.init=fan_in"}).model.init.kind ==
        InitKind::fan_in);
  const Config config = parse("train: {schedule: cosine}\n", {"train.schedule.final=0.5"});
  CHECK(config.train.schedule.kind == ScheduleKind::cosine);
  CHECK(config.train.schedule.final == 0.5);
  CHECK(complaint("train: {schedule: cosin}\n") ==
        "a.yaml:1:19: train.schedule.kind: expected one of constant, cosine or linear, found "
        "\"cosin\". Did you mean cosine?");
  CHECK(contains(complaint("model: {mlp: [relu]}\n"),
                 "expected a kind or a block of keys with a kind"));
}

TEST_CASE("a shorter trial leaves out what lies beyond its end, and says so") {
  const std::string text =
      "train: {steps: 50, schedule: {kind: cosine, warmup: 100}, checkpoint: {every: 200}}\n"
      "probe: {snapshots: [0, 50, 100, 1000], first: [1, 70]}\n";
  const Config config = parse(text);
  const Strings notes = notes_on(config);
  REQUIRE(notes.size() == 4);
  CHECK(notes[0] ==
        "Note: the run ends at step 50, within the warm-up of 100 steps: the learning rate rises "
        "as in "
        "a longer run and ends at 0.495 of lr.");
  CHECK(notes[1] == "Note: no snapshot is taken at steps 100 and 1000: the run ends at step 50.");
  CHECK(notes[2] == "Note: no probe is made at step 70: the run ends at step 50.");
  CHECK(
      notes[3] ==
      "Note: the run ends at step 50, before its first checkpoint at 200; the last step is saved.");
  CHECK(config.probe.snapshots == std::vector<int64_t>{0, 50, 100, 1000});
  CHECK(contains(to_yaml(config), "warmup: 100"));
  CHECK(notes_on(parse("train: {steps: 5}\n")).empty());
  ScheduleConfig schedule;
  schedule.warmup = std::numeric_limits<int64_t>::max();
  CHECK(schedule_factor(schedule, 49, 50) > 0);
  CHECK(schedule_factor(schedule, 49, 50) < 1e-15);
}
