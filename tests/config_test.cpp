#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/error.h"
#include "experiment/keys.h"
#include "experiment/layers.h"
#include "experiment/study.h"

using namespace waiver;
namespace fs = std::filesystem;

namespace {

using Strings = std::vector<std::string>;

template <class Function>
std::string complaint_of(const Function& function) {
  try {
    function();
  } catch (const UsageError& problem) {
    return problem.what();
  }
  return "(nothing was complained of)";
}

Config parse(const std::string& text, const Strings& overrides = {}) {
  return parse_config(text, "a.yaml", overrides);
}

std::string complaint(const std::string& text, const Strings& overrides = {}) {
  return complaint_of([&] { parse(text, overrides); });
}

/// A folder of files that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "waiver-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path(name);
  }
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string rope_base(const Config& config) {
  const std::string text = to_yaml(config);
  const size_t at = text.find("base: ");
  return at == text.npos ? "" : text.substr(at + 6, text.find('}', at) - at - 6);
}

std::set<std::string> printed_keys(const Config& config) {
  std::set<std::string> keys;
  for_each_leaf(parse_yaml(to_yaml(config), "resolved"), "",
                [&](const std::string& key, const Node::Entry&) { keys.insert(key); });
  return keys;
}

}  // namespace

TEST_CASE("every bad config is refused with its place, its key, what is allowed, and a hint") {
  const struct {
    const char *text, *message;
  } cases[] = {
      // unknown keys
      {"model:\n  positon: {kind: rope}\n",
       "a.yaml:2:3: model.positon: unknown key. Did you mean model.position?"},
      {"modle: {width: 64}\n", "a.yaml:1:1: modle: unknown key. Did you mean model?"},
      {"train: {lr: 0.1}\n", "a.yaml:1:9: train.lr: unknown key. Did you mean train.optimizer.lr?"},
      {"train: {width: 64}\n",
       "a.yaml:1:9: train.width: unknown key. Did you mean model.width or model.mlp.width?"},
      {"width: 64\n",
       "a.yaml:1:1: width: unknown key. Did you mean model.width or model.mlp.width?"},
      {"model: {zzzzz: 1}\n", "a.yaml:1:9: model.zzzzz: unknown key."},
      {"model.width: 64\n",
       "a.yaml:1:1: model.width: unknown key. Dots are for the command line: here, write blocks "
       "within blocks."},
      {"train: {optimizer: {kind: adamw, beta: 0.9}}\n",
       "a.yaml:1:34: train.optimizer.beta: unknown key. Did you mean train.optimizer.betas?"},
      // keys of another kind
      {"model:\n  position: {kind: alibi, base: 500}\n",
       "a.yaml:2:27: model.position.base: only kind rope has it; the kind here is alibi."},
      {"train: {optimizer: {momentum: 0.5}}\n",
       "a.yaml:1:21: train.optimizer.momentum: only kind sgd has it; the kind here is adamw."},
      {"train: {schedule: {final: 0.1}}\n",
       "a.yaml:1:20: train.schedule.final: only kinds cosine and linear have it; the kind here is "
       "constant."},
      {"model: {init: {std: 0.1, kind: fan_in}}\n",
       "a.yaml:1:16: model.init.std: only kind gpt2 has it; the kind here is fan_in."},
      {"data: {kind: tokens, path: x, train: a, validation: b}\n",
       "a.yaml:1:22: data.path: only kind text has it; the kind here is tokens."},
      // duplicate keys
      {"model:\n  width: 64\n  width: 128\n",
       "a.yaml:3:3: model.width: the key appears twice. The first is at a.yaml:2:3."},
      {"seed: {init: 1}\nseed: {init: 2}\n",
       "a.yaml:2:1: seed: the key appears twice. The first is at a.yaml:1:1."},
      // whole numbers
      {"model: {width: abc}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found \"abc\"."},
      {"model: {width: true}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found true."},
      {"model: {width: \"64\"}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found \"64\". Remove the "
       "quotes."},
      {"model: {width: 64.5}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found 64.5."},
      {"train: {steps: 1e3}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found 1e3. Write 1000."},
      {"train: {steps: 1_000}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found \"1_000\"."},
      {"train: {steps: 0x10}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found \"0x10\"."},
      {"model:\n  width:\n",
       "a.yaml:2:3: model.width: expected a whole number in [1, 65536], found nothing."},
      {"model: {width: [64]}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found a list."},
      {"model: {width: {a: 64}}\n",
       "a.yaml:1:9: model.width: expected a whole number in [1, 65536], found a block."},
      {"model: {width: 0}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found 0."},
      {"train: {steps: -1}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found -1."},
      {"seed: {init: 9223372036854775808}\n",
       "a.yaml:1:14: seed.init: expected a whole number of at least 0, found 9223372036854775808. "
       "No 64-bit number holds that."},
      // numbers
      {"train: {optimizer: {lr: fast}}\n",
       "a.yaml:1:25: train.optimizer.lr: expected a number of at least 0, found \"fast\"."},
      {"train: {clip: nan}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found nan."},
      {"train: {clip: inf}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found inf."},
      {"train: {clip: .inf}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found \".inf\"."},
      {"train: {clip: 1e999}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found 1e999. No 64-bit number "
       "holds that."},
      {"model: {norm: {eps: 0}}\n",
       "a.yaml:1:21: model.norm.eps: expected a number above 0, found 0."},
      {"data: {kind: text, path: a, split: 1}\n",
       "a.yaml:1:36: data.split: expected a number in (0, 1), found 1."},
      // true or false
      {"model: {mlp: {bias: yes}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found \"yes\"."},
      {"model: {mlp: {bias: 1}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found 1."},
      {"model: {mlp: {bias: 'true'}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found \"true\". Remove the quotes."},
      // lists
      {"train: {optimizer: {betas: [0.9]}}\n",
       "a.yaml:1:28: train.optimizer.betas: expected a list of 2 numbers in [0, 1), found 1."},
      {"train: {optimizer: {betas: [0.9, 1.0]}}\n",
       "a.yaml:1:34: train.optimizer.betas[1]: expected a number in [0, 1), found 1.0."},
      {"probe: {first: 4}\n",
       "a.yaml:1:16: probe.first: expected a list of whole numbers of at least 0, found 4. Write "
       "[4]."},
      {"probe:\n  first: [1, x,\n    3.5]\n",
       "a.yaml:2:14: probe.first[1]: expected a whole number of at least 0, found \"x\".\n"
       "a.yaml:3:5: probe.first[2]: expected a whole number of at least 0, found 3.5."},
      // choices, kinds, blocks, text
      {"model: {mlp: {kind: rellu}}\n",
       "a.yaml:1:21: model.mlp.kind: expected one of relu or gelu, found \"rellu\". Did you mean "
       "relu?"},
      {"model: {init: {kind: gpt, std: 0.1}}\n",
       "a.yaml:1:22: model.init.kind: expected one of fan_in or gpt2, found \"gpt\". Did you mean "
       "gpt2?"},
      {"model: {attention: {mask: casual}}\n",
       "a.yaml:1:27: model.attention.mask: expected one of causal or bidirectional, found "
       "\"casual\". Did you mean causal?"},
      {"model:\n  position: {kind: absolut, base: 3}\n",
       "a.yaml:2:20: model.position: expected one of none, learned, sinusoidal, rope or alibi, "
       "found \"absolut\". Did you mean absolute?"},
      {"model: {position: [rope]}\n",
       "a.yaml:1:19: model.position: expected a kind or a block of keys with a kind, found a "
       "list."},
      {"model:\n  position:\n",
       "a.yaml:2:3: model.position: expected a kind or a block of keys with a kind, found "
       "nothing."},
      {"model: 5\n", "a.yaml:1:8: model: expected a block of keys, found 5."},
      {"train: {schedule: cosine}\n",
       "a.yaml:1:19: train.schedule: expected a block of keys, found \"cosine\". Write {kind: "
       "cosine}."},
      {"train: {steps: 5}\ndata: text\n", "a.yaml:2:1: data.path: missing; it has no default."},
      {"data: {kind: text, path: [a, b]}\n",
       "a.yaml:1:26: data.path: expected text, found a list."},
      {"data: {kind: text, path: ''}\n", "a.yaml:1:26: data.path: expected text, found \"\"."},
      // keys that do not fit together
      {"model: {width: 100, heads: 3}\n",
       "a.yaml:1:16: model.width: 100 is not divisible by model.heads (3). Every head has width / "
       "heads channels."},
      {"model:\n  heads: 3\n",
       "a.yaml:1:1: model.width: 128 is not divisible by model.heads (3). Every head has width / "
       "heads channels."},
      {"model: {width: 9, heads: 3, position: rope}\n",
       "a.yaml:1:39: model.position: rope turns pairs of channels, but a head of width 3 has an "
       "odd number of them."},
      {"train: {batch: 64, accumulate: 3}\n",
       "a.yaml:1:32: train.accumulate: 3 does not divide train.batch (64). Every part of a batch "
       "has batch / accumulate sequences."},
      {"train: {steps: 10, schedule: {warmup: 11}}\n",
       "a.yaml:1:39: train.schedule.warmup: 11 is beyond train.steps (10). The warm-up must end "
       "within the run."},
      {"train: {steps: 10}\nprobe: {snapshots: [0, 20]}\n",
       "a.yaml:2:20: probe.snapshots: step 20 is beyond train.steps (10)."},
      // no config at all
      {"model: {width: 64\n", "a.yaml:2:1: this is not YAML: end of map flow not found."},
      {"model:\n\twidth: 64\n", "a.yaml:2:7: this is not YAML: illegal map value."},
      {"- model\n", "a.yaml:1:1: expected blocks of keys, such as `model:` and `train:`."},
      {"model: &m {width: 64}\ntrain: *m\n",
       "a.yaml:2:8: aliases (*name) are not read. Write the value again, or share it through "
       "base:."},
      {"seed: {init: 1}\n---\nseed: {init: 2}\n",
       "a.yaml:3:1: a second YAML document begins here. One file holds one document."},
      {"[a, b]: 3\n",
       "a.yaml:1:1: a key must be a word. Quote a value that begins with a sign of YAML."},
      {"base: nowhere.yaml\n", "a.yaml:1:7: base: nowhere.yaml: the file cannot be read."},
      {"base: [x]\n",
       "a.yaml:1:7: base: expected the path of a config file, relative to this one."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(complaint(text) == message);
  }
}

TEST_CASE("a bad override is named as it was written") {
  const struct {
    const char *override, *message;
  } cases[] = {
      {"model.width=abc",
       "override model.width=abc: model.width: expected a whole number in [1, 65536], found "
       "\"abc\"."},
      {"model.wdith=3",
       "override model.wdith=3: model.wdith: unknown key. Did you mean model.width?"},
      {"model.width=",
       "override model.width=: model.width: expected a whole number in [1, 65536], found nothing."},
      {"model.width",
       "override model.width: expected key.path=value. For example model.position.kind=rope."},
      {"model..width=3",
       "override model..width=3: expected key.path=value. For example model.position.kind=rope."},
      {"train.optimizer.betas=[0.9,",
       "override train.optimizer.betas=[0.9,: this is not YAML: end of sequence flow not found."},
  };
  for (const auto& [override, message] : cases) {
    CAPTURE(override);
    CHECK(complaint("", {override}) == message);
  }
  CHECK(complaint("model:\n  width: 64\n", {"model.heads=3"}) ==
        "a.yaml:2:10: model.width: 64 is not divisible by model.heads (3). Every head has width / "
        "heads channels.");
}

TEST_CASE("all errors are told at once, in the order of the file, overrides last") {
  CHECK(complaint("train: {lr: 1}\nmodel:\n  width: x\n  heads: 0\n", {"seed.init=-1"}) ==
        "a.yaml:1:9: train.lr: unknown key. Did you mean train.optimizer.lr?\n"
        "a.yaml:3:10: model.width: expected a whole number in [1, 65536], found \"x\".\n"
        "a.yaml:4:10: model.heads: expected a whole number in [1, 1024], found 0.\n"
        "override seed.init=-1: seed.init: expected a whole number of at least 0, found -1.");
}

TEST_CASE("a missing file and a folder are refused") {
  const Folder folder;
  CHECK(complaint_of([&] { load_config(folder.path("no.yaml")); }) ==
        folder.path("no.yaml") + ": the file cannot be read.");
  CHECK(complaint_of([&] { load_config(folder.path("")); }) ==
        folder.path("") + ": this is a folder, not a file.");
}

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
  CHECK(config.model.mlp.kind == "gelu");
  CHECK(config.model.norm.eps == 3e-4);
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

TEST_CASE("an error in a base is told with the base's place") {
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
        b + ":1:7: base: " + a +
            " is already based on this file. A chain of bases must come to an end.");
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
            .model.init.kind == "fan_in");
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

TEST_CASE("a kind goes by its word, by a map, and by its alias") {
  CHECK(parse("model: {position: absolute}\n").model.position.name() == "learned");
  CHECK(parse("model: {position: {kind: absolute}}\n").model.position.name() == "learned");
  CHECK(parse("model: {attention: {mask: bidirectional}}\n").model.attention.mask.name() ==
        "bidirectional");
  CHECK(parse("model: {attention: {mask: {kind: bidirectional}}}\n").model.attention.mask.name() ==
        "bidirectional");
}

TEST_CASE("a resolved config reads back as itself") {
  const Strings texts = {
      "",
      "model: {position: {kind: rope, base: 12345.678901234567}, init: {kind: gpt2}}\n",
      "data: {kind: text, path: \"a 'b': [\\\"c\\\\ #é\\n\", tokenizer: byte}\n",
      "data: {kind: tokens, train: 'true', validation: '12'}\n"
      "train: {optimizer: {kind: sgd, lr: 1e-300}, clip: 1e300, schedule: {kind: cosine}}\n"
      "probe: {first: [], snapshots: [0, 1, 2, 3, 500]}\n",
      "train: {optimizer: {lr: 0.1, eps: 1e-8, betas: [0.1, 0.3333333333333333]}}\n"
      "seed: {init: 9223372036854775807}\n",
  };
  for (const std::string& text : texts) {
    CAPTURE(text);
    const std::string resolved = to_yaml(parse(text));
    CHECK(to_yaml(parse(resolved)) == resolved);
  }
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
  Strings overrides = {""};
  for (const KeyInfo& key : config_keys())
    for (const Choice& choice : key.choices) {
      CHECK(docs.find(fmt::format("`{}`", choice.name)) != std::string::npos);
      if (!key.condition.empty()) continue;
      std::string setting = key.name + "=" + std::string(choice.name);
      if (setting == "data=text") setting = "data={kind: text, path: x}";
      if (setting == "data=tokens") setting = "data={kind: tokens, train: x, validation: y}";
      overrides.push_back(setting);
    }
  for (const std::string& override : overrides)
    for (std::string key :
         printed_keys(parse("", override.empty() ? Strings{} : Strings{override}))) {
      const bool of_kind =
          key.ends_with(".kind") && docs.find("`" + key + "`") == std::string::npos;
      if (of_kind) key.resize(key.size() - 5);
      CAPTURE(key);
      CHECK(docs.find("`" + key + "`") != std::string::npos);
    }
  CHECK(docs.find("| `model.position.base` (kind: rope) | `10000.0` | a number above 1 |") !=
        std::string::npos);
  CHECK(docs.find("| `model.init.std` (kind: gpt2) |") != std::string::npos);
  CHECK(docs.find("| `train.schedule.final` (kind: cosine, linear) |") != std::string::npos);
  CHECK(docs.find("| `data.path` (kind: text) | must be given |") != std::string::npos);
}

TEST_CASE("a run's name comes from the config, the overrides and the seeds") {
  const auto name = [](const Strings& overrides) {
    return run_name("configs/bb.yaml", overrides, parse("", overrides));
  };
  CHECK(name({}) == "bb");
  CHECK(name({"model.position.kind=rope", "train.optimizer.lr=1e-3", "model.width=64"}) ==
        "bb,position.kind=rope,model.width=64,lr=1e-3");
  CHECK(name({"model.position={kind: rope, base: 5}"}) == "bb,position.kind=rope,base=5");
  CHECK(name({"train.optimizer.betas=[0.9, 0.95]"}) == "bb,betas=0.9+0.95");
  CHECK(name({"data={kind: text, path: a b/c.txt}"}) == "bb,data.kind=text,path=a_b_c.txt");
  CHECK(name({"seed.init=1", "seed.data=1"}) == "bb,seed=1");
  CHECK(name({"seed.data=2", "model.layers=3"}) == "bb,layers=3,seed=0-2");
  CHECK(run_name("bb.yaml", {}, parse("seed: {init: 4, data: 4}\n")) == "bb,seed=4");

  const std::string path = std::string(200, 'x');
  const std::string one = name({"data={kind: text, path: " + path + "1}"}),
                    two = name({"data={kind: text, path: " + path + "2}"});
  CHECK(one.size() == 120);
  CHECK(one != two);
}

namespace {
const char* const kStudy =
    "title: Where the waiver sits\n"
    "base: ../configs/base.yaml\n"
    "set: {model: {width: 32}}\n"
    "grid:\n"
    "  model.position: [absolute, {kind: rope, base: 100}]\n"
    "  model.attention.mask.kind: [causal, bidirectional]\n"
    "seeds: [0, 7]\n";
}

TEST_CASE("a study is every combination of its grid and seeds, the first key slowest") {
  const Folder folder;
  const auto base =
      folder.write("configs/base.yaml", "model: {width: 64, context: 16, position: none}\n");
  const auto path = folder.write("experiments/sits.yaml", kStudy);
  const Study study = load_study(path, Strings{"model.layers=1"});
  CHECK(study.name == "sits");
  CHECK(study.title == "Where the waiver sits");
  Strings names;
  for (const StudyRun& run : study.runs) {
    names.push_back(run.name);
    CHECK(run.config.model.width == 32);
    CHECK(run.config.model.context == 16);
    CHECK(run.config.model.layers == 1);
    CHECK(to_yaml(load_config(base, run.overrides)) == to_yaml(run.config));
  }
  CHECK(names == Strings{"position=absolute,mask.kind=causal,seed=0",
                         "position=absolute,mask.kind=causal,seed=7",
                         "position=absolute,mask.kind=bidirectional,seed=0",
                         "position=absolute,mask.kind=bidirectional,seed=7",
                         "position=rope+base=100,mask.kind=causal,seed=0",
                         "position=rope+base=100,mask.kind=causal,seed=7",
                         "position=rope+base=100,mask.kind=bidirectional,seed=0",
                         "position=rope+base=100,mask.kind=bidirectional,seed=7"});
  const Config& last = study.runs.back().config;
  CHECK(rope_base(last) == "100.0");
  CHECK(last.model.attention.mask.name() == "bidirectional");
  CHECK(last.seed.init == 7);
  CHECK(last.seed.data == 7);
  CHECK(study.runs.front().config.model.position.name() == "learned");
}

TEST_CASE("a study without grid and seeds is one run") {
  const Folder folder;
  folder.write("base.yaml", "");
  const Study study = load_study(folder.write("one.yaml", "base: base.yaml\n"));
  REQUIRE(study.runs.size() == 1);
  CHECK(study.runs[0].name == "seed=0");
}

TEST_CASE("every error of a study and of its runs is found before anything starts") {
  const Folder folder;
  folder.write("base.yaml", "model: {width: 64}\n");
  const auto study_complaint = [&](const std::string& text, const Strings& overrides = {}) {
    const auto path = folder.write("s.yaml", text);
    std::string message = complaint_of([&] { load_study(path, overrides); });
    const std::string prefix = folder.path("");
    for (size_t at; (at = message.find(prefix)) != message.npos;) message.erase(at, prefix.size());
    return message;
  };
  const struct {
    const char *text, *message;
  } cases[] = {
      {"title: x\n", "s.yaml:1:1: base: missing; it has no default."},
      {"base: no.yaml\n", "s.yaml:1:7: base: no.yaml: the file cannot be read."},
      {"base: base.yaml\ngird: {}\n", "s.yaml:2:1: gird: unknown key. Did you mean grid?"},
      {"base: base.yaml\nset: 5\n", "s.yaml:2:6: set: expected a block of keys."},
      {"base: base.yaml\nset: {model: {widht: 5}}\nseeds: [0, 1]\n",
       "s.yaml:2:15: model.widht: unknown key. Did you mean model.width?"},
      {"base: base.yaml\nset: {seed: {init: 5}}\n",
       "s.yaml:2:14: seed.init: the study's seeds set it. Write seeds: [0, 1, 2]."},
      {"base: base.yaml\ngrid: {model.width: 5}\n",
       "s.yaml:2:8: model.width: expected a list of values. Write [5]."},
      {"base: base.yaml\ngrid: {model.width: []}\n",
       "s.yaml:2:21: model.width: the list of values is empty."},
      {"base: base.yaml\ngrid: {seed.init: [1, 2]}\n",
       "s.yaml:2:8: seed.init: the study's seeds set it. Write seeds: [0, 1, 2]."},
      {"base: base.yaml\nseeds: []\n", "s.yaml:2:8: seeds: the list is empty."},
      {"base: base.yaml\nseeds: [-1]\n",
       "s.yaml:2:9: seeds[0]: expected a whole number of at least 0, found -1."},
      {"base: base.yaml\ngrid: {model.width: [8, 8]}\n",
       "s.yaml:2:1: grid: two runs would both be called model.width=8,seed=0."},
      {"base: base.yaml\ngrid:\n  model.width: [8, x, 0]\n  model.positon.kind: [rope]\n",
       "s.yaml:3:20: model.width: expected a whole number in [1, 65536], found \"x\".\n"
       "s.yaml:3:23: model.width: expected a whole number in [1, 65536], found 0.\n"
       "s.yaml:4:24: model.positon: unknown key. Did you mean model.position?"},
      {"base: base.yaml\ngrid: {model.width: [8, 9], model.heads: [2, 4]}\n",
       "s.yaml:2:25: model.width: 9 is not divisible by model.heads (2). Every head has width / "
       "heads channels.\n"
       "s.yaml:2:25: model.width: 9 is not divisible by model.heads (4). Every head has width / "
       "heads channels."},
      {"base: base.yaml\nset: {model: {position: {base: 5}}}\n"
       "grid: {model.position.kind: [rope, alibi]}\n",
       "s.yaml:2:26: model.position.base: only kind rope has it; the kind here is alibi."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(study_complaint(text) == message);
  }
  CHECK(study_complaint("base: base.yaml\ngrid: {model.width: [8, 16]}\n",
                        {"model.width=4", "seed.init=3"}) ==
        "override model.width=4: model.width: the grid varies model.width already.\n"
        "override seed.init=3: seed.init: the study's seeds set it. Write seeds: [0, 1, 2].");
  std::string values = "1";
  for (int i = 2; i <= 200; ++i) values += fmt::format(", {}", i);
  CHECK(study_complaint(fmt::format("base: base.yaml\ngrid: {{model.width: [{0}], model.context: "
                                    "[{0}]}}\n",
                                    values)) ==
        "s.yaml:2:1: grid: this makes more than 10000 runs.");
}
