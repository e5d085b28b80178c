#include "study/study.h"
#include "config_files.h"
#include "study/study_file.h"

using namespace waiver;

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
    "set: {model: {width: 32}, train: {objective: masked_token}}\n"
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
  folder.write("curve.csv", "# nobody's\nstep,a\n0,1\n5,x\n");
  folder.write("holes.csv", "step,a\n0,1\nnan,2\n");
  folder.write("many_runs.yaml", "base: base.yaml\nseeds: [0]\n");
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
      {"base: nowhere.yaml\n",
       "s.yaml:1:7: base: nowhere.yaml: cannot be opened: No such file or directory."},
      {"base: base.yaml\ngird: {}\n", "s.yaml:2:1: gird: unknown key. Did you mean grid?"},
      {"base: base.yaml\npublished: {file: curve.csv, colums: {}}\n",
       "s.yaml:2:12: published.columns: expected ours: theirs. For example {received_attention: "
       "attention}.\n"
       "s.yaml:2:30: published.colums: unknown key. Did you mean columns?"},
      {"base: base.yaml\npublished: {file: base.yaml, columns: {loss: a}}\n",
       "s.yaml:2:13: published.file: base.yaml is no table with a column step. Another name of it "
       "goes "
       "into columns: {step: NAME}."},
      {"base: base.yaml\npublished: {file: curve.csv, columns: {los: a, loss: b, value_ratio: "
       "a}}\n",
       "s.yaml:2:40: published.columns.los: no such curve is shown or kept. Did you mean loss?\n"
       "s.yaml:2:54: published.columns.loss: curve.csv has no column b. It has step, a.\n"
       "s.yaml:2:70: published.columns.value_ratio: row 2 of curve.csv is not of numbers. What "
       "is not known is an empty cell."},
      {"base: base.yaml\npublished: {file: holes.csv, columns: {loss: a}}\n",
       "s.yaml:2:46: published.columns.loss: row 2 of holes.csv is not of numbers. What is not "
       "known is an empty cell."},
      {"base: many_runs.yaml\n",
       "s.yaml:1:7: base: many_runs.yaml: this is an experiment of several runs. waiver sweep "
       "many_runs.yaml trains them."},
      {"base: base.yaml\ngrid: {train.optimizer.lr: [1e-2, 0.01]}\n",
       "s.yaml:2:1: grid: lr=1e-2,seed=0 and lr=0.01,seed=0 have the same "
       "config. Leave one of them out."},
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
       "heads channels, unless model.head_width says how many.\n"
       "s.yaml:2:25: model.width: 9 is not divisible by model.heads (4). Every head has width / "
       "heads channels, unless model.head_width says how many."},
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
  std::string seeds = "0";
  for (int i = 1; i <= 10000; ++i) seeds += fmt::format(", {}", i);
  CHECK(study_complaint(fmt::format("base: base.yaml\nseeds: [{}]\n", seeds)) ==
        "s.yaml:2:8: seeds: this makes more than 10000 runs.");
}

namespace {

Strings names_of(const Study& study) {
  Strings names;
  for (const StudyRun& run : study.runs) names.push_back(run.name);
  return names;
}

// The study, in a folder with a base of width 64 and RoPE.
struct InFolder {
  Folder folder;
  InFolder() { folder.write("base.yaml", "model: {width: 64, position: rope}\n"); }
  Study load(const std::string& text, const Strings& overrides = {}) const {
    return load_study(folder.write("s.yaml", "base: base.yaml\n" + text), overrides);
  }
  std::string complaint(const std::string& text, const Strings& overrides = {}) const {
    std::string message = complaint_of([&] { load(text, overrides); });
    const std::string prefix = folder.path("");
    for (size_t at; (at = message.find(prefix)) != message.npos;) message.erase(at, prefix.size());
    return message;
  }
};

}  // namespace

TEST_CASE("pairs vary keys together, crossed with the grid, and may name themselves") {
  const InFolder in;
  const Study study = in.load(
      "pairs:\n"
      "  - {model.position: none, model.layers: 1}\n"
      "  - {name: deep, model: {layers: 3}, model.position.kind: alibi}\n"
      "grid: {model.heads: [1, 2]}\n");
  CHECK(names_of(study) == Strings{"position=none,layers=1,heads=1,seed=0",
                                   "position=none,layers=1,heads=2,seed=0", "deep,heads=1,seed=0",
                                   "deep,heads=2,seed=0"});
  CHECK(study.runs[1].config.model.position.name() == "none");
  CHECK(study.runs[1].config.model.heads == 2);
  CHECK(study.runs[3].config.model.position.name() == "alibi");
  CHECK(study.runs[3].config.model.layers == 3);
  CHECK(study.runs[3].group == "deep,heads=2");
}

TEST_CASE("what is skipped is left out, by any spelling of its settings, defaults included") {
  const InFolder in;
  const std::string grid =
      "grid: {model.position: [absolute, {kind: rope, base: 100}], train.optimizer.lr: [1e-3, "
      "2e-3]}\nseeds: [0, 1]\n";
  CHECK(in.load(grid).runs.size() == 8);
  CHECK(
      names_of(in.load(grid + "skip:\n  - {model.position: learned, seed.init: 1}\n"
                              "  - {model: {position: {base: 100.0}}, train.optimizer.lr: "
                              "[0.001, 5]}\n"
                              "  - {train.optimizer.kind: adamw, train.optimizer.lr: 0.002}\n")) ==
      Strings{"position=absolute,lr=1e-3,seed=0"});
  // Lists are compared as lists.
  CHECK(in.load("grid: {train.optimizer.betas: [[0.9, 0.95], [0.9, 0.99]]}\n"
                "skip: [{train.optimizer.betas: [0.90, 0.95]}]\n")
            .runs.size() == 1);
  const std::string layers =
      "set: {model.layers: 2}\ngrid: {model.position: [[none, {kind: rope, base: 9}], [rope, "
      "none], "
      "rope]}\n";
  CHECK(in.load(layers + "skip: [{model.position: [[rope, none]]}]\n").runs.size() == 2);
  CHECK(in.load(layers + "skip: [{model.position: [[rope, none], [none, rope]]}]\n").runs.size() ==
        1);
  CHECK(names_of(in.load("grid: {model.attention.mask.self_only: [[7], [5], [1, 2]]}\n"
                         "skip: [{model.attention.mask.self_only: [[5], [1, 2]]}]\n")) ==
        Strings{"self_only=7,seed=0"});
}

TEST_CASE("overrides reach the points that they name, in order, below the command line") {
  const InFolder in;
  const std::string text =
      "set: {train: {steps: 10}}\n"
      "grid: {model.position.kind: [none, rope, alibi]}\n"
      "overrides:\n"
      "  - {where: {model.position: [rope, alibi]}, set: {train: {steps: 20}, model.layers: 3}}\n"
      "  - {where: {model.position.kind: alibi, train.steps: 10}, set: {train.steps: 30}}\n";
  const Study study = in.load(text);
  std::vector<int64_t> steps, layers;
  for (const StudyRun& run : study.runs) {
    steps.push_back(run.config.train.steps);
    layers.push_back(run.config.model.layers);
    CHECK(to_yaml(load_config(in.folder.path("base.yaml"), run.overrides)) == to_yaml(run.config));
  }
  CHECK(steps == std::vector<int64_t>{10, 20, 30});
  CHECK(layers == std::vector<int64_t>{2, 3, 3});
  for (const StudyRun& run : in.load(text, {"train.steps=2"}).runs)
    CHECK(run.config.train.steps == 2);
}

TEST_CASE("mistakes in pairs, overrides and skip are found at their places, all at once") {
  const InFolder in;
  const std::string grid = "grid: {model.position.kind: [none, rope]}\n";
  const struct {
    std::string text, message;
  } cases[] = {
      {"pairs: 5\n", "s.yaml:2:8: pairs: expected a list of blocks."},
      {"pairs: [5]\n", "s.yaml:2:9: pairs: expected a block of keys."},
      {"pairs: [{name: a/b, model.layers: 1}]\n",
       "s.yaml:2:16: pairs.name: expected a word of letters, digits and . _ = + -."},
      {"pairs: [{model.layer: 1}]\n",
       "s.yaml:2:10: model.layer: unknown key. Did you mean model.layers?"},
      {"pairs: [{model.position: none}]\n" + grid,
       "s.yaml:3:8: model.position.kind: the pairs vary model.position already."},
      {"pairs: [{seed.init: 1}]\n",
       "s.yaml:2:10: seed.init: the study's seeds set it. Write seeds: [0, 1, 2]."},
      {"pairs: [{name: a, model.layers: 1}, {name: a, model.layers: 2}]\n",
       "s.yaml:2:8: pairs: two runs would both be called a,seed=0."},
      {"pairs: [{model.layers: 1}]\nset: {}\noverrides: [{where: {model.layers: 1}, set: "
       "{model.layers: 2}}]\n",
       "s.yaml:4:46: model.layers: the pairs vary model.layers already."},
      {grid + "skip: [{model.positon: none}]\noverrides: [{wher: {a: 1}}]\n",
       "s.yaml:3:9: model.positon: unknown key. Did you mean model.position?\n"
       "s.yaml:4:13: overrides.where: expected a block of keys. For example {where: "
       "{model.position: rope}, set: {train: {steps: 500}}}.\n"
       "s.yaml:4:13: overrides.set: expected a block of keys. For example {where: "
       "{model.position: rope}, set: {train: {steps: 500}}}.\n"
       "s.yaml:4:14: overrides.wher: unknown key. Did you mean where?"},
      {grid + "seeds: [1, 1]\n", "s.yaml:3:8: seeds: 1 is there twice."},
      {grid + "seed_keys: [seed]\n",
       "s.yaml:3:13: seed_keys: seed takes no seed. seed.init, seed.data and data.gate_seed do."},
      {grid + "seed_keys: [seed.init, train.optimizer.lr]\n",
       "s.yaml:3:24: seed_keys: train.optimizer.lr takes no seed. seed.init, seed.data and "
       "data.gate_seed do."},
      {grid + "seed_keys: [seed.inti]\n",
       "s.yaml:3:13: seed_keys: there is no key seed.inti. Did you mean seed.init?"},
      {grid + "seed_keys: [seed.init, seed.init]\n",
       "s.yaml:3:24: seed_keys: seed.init is there twice."},
      {grid + "skip: [{model: 5}]\n",
       "s.yaml:3:16: model: this is a block of keys, and one of them is needed."},
      {grid + "skip: [{model.position: alibi}]\n",
       "s.yaml:3:25: skip: model.position.kind: no run has alibi here. They have none and rope."},
      {grid + "skip: [{model.position: none, seed.init: 1}]\n",
       "s.yaml:3:42: skip: seed.init: no run has 1 here. They have 0."},
      {grid + "seeds: [0, 1]\nskip: [{model.position: none, seed.init: 1}]\noverrides:\n"
              "  - {where: {model.position: none, seed.init: 1}, set: {train: {steps: 1}}}\n",
       "s.yaml:6:13: overrides.where: no run has all of these settings at once. Take it out, or "
       "correct it."},
      {grid + "skip: [{model.position.base: [1, 2]}]\n",
       "s.yaml:3:30: skip: model.position.base: no run has [1, 2] here. They have 10000.0."},
      {grid + "skip: [{model.position: [none, rope]}]\n", "s.yaml:3:7: skip: it leaves no run."},
      {grid + "skip: [{model.position: {}}]\n",
       "s.yaml:3:25: model.position: the block is empty. Name one of its keys, or leave it out."},
      {grid + "overrides: [{where: {model.position: none}, set: {seed: {init: 3}}}]\n",
       "s.yaml:3:58: seed.init: the study's seeds set it. Write seeds: [0, 1, 2]."},
      {grid + "overrides: [{where: {model.position: none}, set: {train: {step: 3}}}]\n",
       "s.yaml:3:59: train.step: unknown key. Did you mean train.steps?"},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(in.complaint(text) == message);
  }
  CHECK(in.complaint("pairs: [{model.layers: 1}]\n", {"model.layers=2"}) ==
        "override model.layers=2: model.layers: the pairs vary model.layers already.");
}

TEST_CASE("conditions tell seeds apart that a double does not") {
  const InFolder in;
  const Study study = in.load(
      "seeds: [9007199254740992, 9007199254740993]\nskip: [{seed.init: 9007199254740993}]\n");
  CHECK(names_of(study) == Strings{"seed=9007199254740992"});
}

TEST_CASE("a study is told from a config") {
  const Folder folder;
  CHECK(is_study(folder.write("a.yaml", "base: b.yaml\npairs: []\n")));
  CHECK(!is_study(folder.write("b.yaml", "model: {width: 8}\n")));
  CHECK(!is_study(folder.write("c.yaml", "base: b.yaml\n")));
}
