#include "study/study.h"
#include "config_files.h"

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
