#include <algorithm>
#include <set>

#include "config/config.h"
#include "config/docs.h"
#include "config/overlay.h"
#include "config_files.h"

using namespace waiver;

namespace {

std::set<std::string> printed_keys(const Config& config) {
  std::set<std::string> keys;
  for_each_leaf(parse_yaml(to_yaml(config), "resolved"), "",
                [&](const std::string& key, const Node::Entry&) { keys.insert(key); });
  return keys;
}

}  // namespace

TEST_CASE("an empty config is the default one") {
  const Config config = parse("");
  CHECK(config.model.width == 128);
  CHECK(config.model.position.name() == "learned");
  CHECK(config.train.optimizer->lr() == 3e-4);
  CHECK(to_yaml(parse("model:\ntrain: {}\n")) == to_yaml(Config{}));
}

TEST_CASE("values of every type are read") {
  const Config config = parse(
      "model: {width: 64, mlp: {bias: true, kind: gelu}, norm: {eps: 3e-4}}\n"
      "train: {clip: 2, optimizer: {lr: 3.0e-4, betas: [0, 0.5]}}\n"
      "probe: {first: [5, 6], snapshots: []}\n"
      "data: {kind: text, path: 12}\n");
  CHECK(config.model.width == 64);
  CHECK(config.model.mlp.bias);
  CHECK(config.model.mlp.kind.name() == "gelu");
  CHECK(to_yaml(config).find("eps: 0.0003") != std::string::npos);
  CHECK(config.train.clip == 2.0);
  CHECK(config.probe.first == std::vector<int64_t>{5, 6});
  CHECK(to_yaml(config).find("path: \"12\"") != std::string::npos);
}

TEST_CASE("defaults lie under base, base under the file, the file under the overrides") {
  const Folder folder;
  folder.write("deep/bottom.yaml", "model: {layers: 3, width: 32, heads: 2, context: 16}\n");
  folder.write("middle.yaml", "base: deep/bottom.yaml\nmodel: {width: 64, heads: 4}\n");
  const auto top = folder.write("sub/top.yaml", "model: {heads: 8}\nbase: ../middle.yaml\n");
  const Config config = load_config(top, Strings{"model.context=17", "model.context=18"});
  CHECK(config.model.layers == 3);
  CHECK(config.model.width == 64);
  CHECK(config.model.heads == 8);
  CHECK(config.model.context == 18);
  CHECK(config.model.mlp.width == 512);
}

TEST_CASE("an error in a base is reported with the base's place") {
  const Folder folder;
  const auto bottom = folder.write("bottom.yaml", "\nmodel: {widht: 32}\n");
  const auto top = folder.write("top.yaml", "base: bottom.yaml\n");
  CHECK(complaint_of([&] { load_config(top); }) ==
        bottom + ":2:9: model.widht: unknown key. Did you mean model.width?");
}

TEST_CASE("a circle of bases is refused") {
  const Folder folder;
  const auto a = folder.write("a.yaml", "base: b.yaml\n");
  const auto b = folder.write("b.yaml", "base: a.yaml\n");
  CHECK(complaint_of([&] { load_config(a); }) ==
        b + ":1:7: base: " + a + " is already based on this file. A chain of bases must end.");
}

TEST_CASE("a block of another kind drops the options of the kind below it") {
  const std::string rope = "model: {position: {kind: rope, base: 500}}\n";
  CHECK(rope_base(parse(rope)) == "500.0");
  CHECK(parse(rope, {"model.position.kind=alibi"}).model.position.name() == "alibi");
  CHECK(parse(rope, {"model.position=alibi"}).model.position.name() == "alibi");
  CHECK(parse(rope, {"model.position={kind: none}"}).model.position.name() == "none");
  CHECK(parse("train: {optimizer: {lr: 0.5, betas: [0, 0]}}\n", {"train.optimizer.kind=sgd"})
            .train.optimizer->lr() == 3e-4);
  CHECK(parse("model: {init: {kind: gpt2, std: 0.1}}\n", {"model.init.kind=fan_in"})
            .model.init.kind == InitKind::fan_in);
}

TEST_CASE("a block of the same kind is merged key by key") {
  const std::string rope = "model: {position: {kind: rope, base: 500}}\n";
  CHECK(rope_base(parse(rope, {"model.position=rope"})) == "500.0");
  CHECK(rope_base(parse(rope, {"model.position.kind=rope"})) == "500.0");
  CHECK(rope_base(parse(rope, {"model.position.base=7"})) == "7.0");
  CHECK(rope_base(parse("model: {position: rope}\n", {"model.position.base=7"})) == "7.0");
  const Config config = parse("train: {optimizer: {lr: 0.5}}\n",
                              {"train.optimizer.kind=adamw", "train.optimizer.eps=1"});
  CHECK(config.train.optimizer->lr() == 0.5);
}

TEST_CASE("overrides may name a kind and its options in any order") {
  CHECK(rope_base(parse("", {"model.position.base=7", "model.position.kind=rope"})) == "7.0");
  CHECK(rope_base(parse("", {"model.position.kind=rope", "model.position.base=7"})) == "7.0");
}

TEST_CASE("what does not depend on the kind outlives a change of kind") {
  const Config gelu = parse("model: {mlp: {kind: relu, width: 7}}\n", {"model.mlp.kind=gelu"});
  CHECK(gelu.model.mlp.width == 7);
  const Config linear = parse("train: {schedule: {kind: cosine, warmup: 5, final: 0.25}}\n",
                              {"train.schedule.kind=linear"});
  CHECK(linear.train.schedule.warmup == 5);
  CHECK(linear.train.schedule.final == 0.25);
  const Config constant = parse("train: {schedule: {kind: cosine, warmup: 5, final: 0.25}}\n",
                                {"train.schedule.kind=constant"});
  CHECK(constant.train.schedule.warmup == 5);
  CHECK(constant.train.schedule.final == 0.0);
}

TEST_CASE("a list of kinds has one for each layer, and gives way to a single kind") {
  const std::string list = "model: {position: [none, {kind: rope, base: 500}]}\n";
  CHECK(parse(list).model.position.name() == "none, rope");
  CHECK(rope_base(parse(list)) == "500.0");
  CHECK(parse(list, {"model.position=alibi"}).model.position.name() == "alibi");
  CHECK(parse("", {"model.position=[rope, none]"}).model.position.name() == "rope, none");
}

TEST_CASE("a kind goes by its word, by a map, and by its alias") {
  CHECK(parse("model: {position: absolute}\n").model.position.name() == "learned");
  CHECK(parse("model: {position: {kind: absolute}}\n").model.position.name() == "learned");
  for (const char* mask : {"bidirectional", "{kind: bidirectional}"})
    CHECK(
        parse(fmt::format(
                  "model: {{attention: {{mask: {}}}}}\ntrain: {{objective: masked_token}}\n", mask))
            .model.attention.mask.name() == "bidirectional");
}

TEST_CASE("tokens per step set the batch, whatever the context") {
  const Config config = parse("model: {context: 64}\ntrain: {tokens: 2048, batch: 7}\n");
  CHECK(config.train.batch == 32);
  CHECK(parse(to_yaml(config), {"model.context=128"}).train.batch == 16);
  CHECK(parse("train: {batch: 7}\n").train.batch == 7);
}

TEST_CASE("data is opened as the objective has it") {
  CHECK(open_data(parse("train: {objective: next_token}\n"))->mask_token() == -1);
  CHECK(open_data(parse("train: {objective: masked_token}\n"))->mask_token() == 67);
  CHECK(open_data(parse("data: {rule: markov, last: 1}\n"
                        "train: {objective: {kind: masked_token, rate: 0.3}}\n"))
            ->mask_token() == 68);
}

TEST_CASE("a resolved config reads back as itself") {
  const Strings texts = {
      "",
      "model: {position: {kind: rope, base: 12345.678901234567}, init: {kind: gpt2}}\n",
      "model: {position: [none, {kind: rope, base: 5}], attention: {absent: [0], gate: output},\n"
      "        mlp: {kind: swiglu, absent: [1]}, norm: {kind: rms, place: sandwich}}\n",
      "data: {kind: text, path: \"a 'b': [\\\"c\\\\ #é\\n\", tokenizer: byte}\n",
      "data: {kind: tokens, train: 'true', validation: '12'}\n"
      "train: {optimizer: {kind: sgd, lr: 1e-300}, clip: 1e300, schedule: {kind: cosine}}\n"
      "probe: {first: [], snapshots: [0, 1, 2, 3, 500]}\n",
      "data: {rule: {kind: interpolate, p: 0.25}, edits: {fixed_at: [3], fixed_token: 1}}\n"
      "train: {tokens: 1280, objective: {kind: masked_token, rate: 0.2}}\n",
      "train: {optimizer: {lr: 0.1, eps: 1e-8, betas: [0.1, 0.3333333333333333]}}\n"
      "seed: {init: 9223372036854775807}\n",
      "train: {freeze: [embed.*, \"blocks.0.*.bias\"], optimizer: ortho_adam}\n",
  };
  for (const std::string& text : texts) {
    CAPTURE(text);
    const std::string resolved = to_yaml(parse(text));
    CHECK(to_yaml(parse(resolved)) == resolved);
  }
  const Strings frozen = {"embed.*", "output.weight"};
  CHECK(parse(to_yaml(parse("train: {freeze: [embed.*, output.weight]}\n"))).train.freeze ==
        frozen);
  const double third = 1.0 / 3.0;
  const Config config = parse(fmt::format("train: {{clip: {}}}\n", third));
  CHECK(parse(to_yaml(config)).train.clip == third);
}

TEST_CASE("numbers are written in their shortest form, with a point") {
  CHECK(number_text(10000) == "10000.0");
  CHECK(number_text(3e-4) == "0.0003");
  CHECK(number_text(1e-8) == "1.0e-08");
  CHECK(number_text(2.5e300) == "2.5e+300");
  CHECK(number_text(0.1) == "0.1");
}

TEST_CASE("the documentation has every key of every kind") {
  const std::string docs = config_docs();
  // Real-valued data, its objective and its model belong together; everything else stands alone.
  const Strings features = {"train.objective=regression", "model.input=features"};
  std::vector<Strings> configs = {{}};
  for (const KeyInfo& key : config_keys())
    for (const Choice& choice : key.choices) {
      CHECK(docs.find(fmt::format("`{}`", choice.name)) != std::string::npos);
      if (!key.condition.empty()) continue;
      std::string setting = key.name + "=" + std::string(choice.name);
      if (setting == "data=text") setting = "data={kind: text, path: x}";
      if (setting == "data=tokens") setting = "data={kind: tokens, train: x, validation: y}";
      if (key.name == "data" && Kind<Dataset>(choice.name)->features() > 0)
        configs.push_back(
            {setting, "train.objective=regression", "model.input=features", "model.width=64",
             "data.features=64",
             fmt::format("model.dedicated.count={}", Kind<Dataset>(choice.name)->dedicated())});
      else if (setting == "model.attention.mask=bidirectional")
        configs.push_back({setting, "train.objective=masked_token"});
      else if (std::find(features.begin(), features.end(), setting) == features.end())
        configs.push_back({setting});
    }
  for (const Strings& overrides : configs)
    for (std::string key : printed_keys(parse("", overrides))) {
      const bool of_kind =
          key.ends_with(".kind") && docs.find("`" + key + "`") == std::string::npos;
      if (of_kind) key.resize(key.size() - 5);
      CAPTURE(key);
      CHECK(docs.find("`" + key + "`") != std::string::npos);
    }
  CHECK(docs.find("| `model.position.base` (kind: rope) | `10000.0` | a number above 1 |") !=
        std::string::npos);
  CHECK(docs.find("| `model.init.std` (kind: gpt2, normal) |") != std::string::npos);
  CHECK(docs.find("| `train.schedule.final` (kind: cosine, linear) |") != std::string::npos);
  CHECK(docs.find("| `data.path` (kind: text) | must be given |") != std::string::npos);
}
