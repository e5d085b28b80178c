// What the program says when it is given something else than it wants.
#include <sys/stat.h>

#include <thread>

#include "config_files.h"
#include "program.h"

using namespace waiver;

namespace {

// A config, an experiment, a spec, a run of it and a sweep's folder with a copy of it.
const Folder& folder() {
  static const Folder all;
  static const bool made = [] {
    const std::string config =
        all.write("tiny.yaml",
                  "model: {layers: 1, width: 8, context: 16, mlp: {width: 8}}\n"
                  "train: {steps: 1, batch: 2, eval: {batches: 1}}\n"
                  "probe: {every: 0}\n");
    all.write("study.yaml", "base: tiny.yaml\nseeds: [0, 1]\n");
    all.write("spec.yaml", "arms: [{name: natural, edits: []}]\n");
    if (run_program({"train", config, "--out", all.path("run")}).status != 0) return false;
    all.write("sweep/sweep.json", R"({"title": "", "question": "", "runs": []})");
    std::filesystem::copy(all.path("run"), all.path("sweep/seed=0"),
                          std::filesystem::copy_options::recursive);
    return true;
  }();
  REQUIRE(made);
  return all;
}

// Arguments with FOLDER in front of those that begin with a slash.
Ended waiver_says(Strings arguments) {
  for (std::string& a : arguments)
    if (a.starts_with("/")) a = folder().path(a.substr(1));
  return run_program(std::move(arguments));
}

std::string without_folder(std::string text) {
  const std::string prefix = folder().path("");
  for (size_t at; (at = text.find(prefix)) != text.npos;) text.erase(at, prefix.size());
  return text;
}

struct Case {
  Strings arguments;
  std::string says;
};

void check_usage(const std::vector<Case>& cases) {
  for (const auto& [arguments, says] : cases) {
    CAPTURE(fmt::format("{}", fmt::join(arguments, " ")));
    const Ended ended = waiver_says(arguments);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(without_folder(ended.output), says), ended.output);
  }
}

}  // namespace

TEST_CASE("a misspelt verb or option is answered with the nearest one") {
  check_usage({
      {{"trian", "/tiny.yaml"}, "trian: there is no such verb. Did you mean train?"},
      {{"/tiny.yaml"}, "tiny.yaml: a verb is missing. Did you mean waiver train tiny.yaml?"},
      {{}, "waiver takes one of train, sweep,"},
      {{"config"}, "waiver config takes one of check, show or docs."},
      {{"config", "chek", "/tiny.yaml"}, "chek: there is no such verb. Did you mean check?"},
      {{"train", "/tiny.yaml", "--uot", "x"},
       "--uot: there is no such option. Did you mean --out?"},
      {{"train", "/tiny.yaml", "--overwrit"}, "Did you mean --overwrite?"},
      {{"doctor", "now"}, "now: waiver doctor takes no such argument."},
  });
}

TEST_CASE("help is a verb too") {
  const Ended all = waiver_says({"help"}), train = waiver_says({"help", "train"}),
              check = waiver_says({"help", "config", "check"});
  CHECK(all.status == 0);
  CHECK(contains(all.output, "sweep"));
  CHECK(train.output == waiver_says({"train", "--help"}).output);
  CHECK(check.output == waiver_says({"config", "check", "--help"}).output);
}

TEST_CASE("what a verb is not for is answered with the verb that is") {
  check_usage({
      {{"train", "/study.yaml"},
       "study.yaml: this is an experiment of several runs. waiver sweep study.yaml trains them."},
      {{"config", "check", "/spec.yaml"}, "spec.yaml: this is a spec of interventions."},
      {{"sweep", "/tiny.yaml"},
       "tiny.yaml: this is the config of one run. waiver train tiny.yaml trains it."},
      {{"train", "/spec.yaml"},
       "spec.yaml: this is a spec of interventions. waiver intervene RUN spec.yaml applies it."},
      {{"sweep", "/spec.yaml"}, "spec.yaml: this is a spec of interventions."},
      {{"intervene", "/run", "/tiny.yaml"}, "tiny.yaml: this is the config of one run."},
      {{"intervene", "/run", "/study.yaml"}, "study.yaml: this is an experiment of several runs."},
      {{"intervene", "/spec.yaml", "/run"},
       "spec.yaml: the run comes first, then the spec. Write waiver intervene run spec.yaml."},
      {{"train", "/run"}, "run: this is a folder, not a file. It is a run's folder: waiver train"},
      {{"train", "/sweep"}, "It is a sweep's folder: waiver sweep EXPERIMENT --out sweep --resume"},
      {{"eval", "/sweep"},
       "sweep: this is a sweep's folder, and eval takes one run. Its runs are sweep/seed=0."},
      {{"probe", "/sweep"}, "Its runs are sweep/seed=0."},
      {{"sample", "/sweep"}, "Its runs are sweep/seed=0."},
      {{"intervene", "/sweep", "/spec.yaml"}, "Its runs are sweep/seed=0."},
      {{"eval", "/tiny.yaml"}, "tiny.yaml: this is a YAML file, and eval takes a trained model."},
      {{"eval", "/run/log.h5"},
       "run/log.h5: this is a file of a run. Give its folder: waiver eval run"},
      {{"eval", "/run/checkpoints/step-00000001/model.safetensors"},
       "this is a file of a checkpoint. Give its folder: waiver eval "
       "run/checkpoints/step-00000001"},
      {{"eval", "/rum"}, "rum: there is no such run or checkpoint. Did you mean run?"},
  });
}

TEST_CASE("a wrong path of a config is answered with the nearest name in that folder") {
  check_usage({
      {{"train", "/tini.yaml"}, "Did you mean tiny.yaml?"},
      {{"train", "/tiny"},
       "tiny: cannot be opened: No such file or directory. Did you mean tiny.yaml?"},
      {{"sweep", "/studi.yaml"}, "Did you mean study.yaml?"},
      {{"config", "check", "/tiny.yml"}, "Did you mean tiny.yaml?"},
  });
}

TEST_CASE("an override in another form is shown in the right one") {
  const auto train = [](Strings words) {
    words.insert(words.begin(), {"train", "/tiny.yaml"});
    return words;
  };
  check_usage({
      {train({"--train.steps=10"}),
       "--train.steps=10: keys of a config have no dashes. Write "
       "train.steps=10."},
      {train({"--steps=10"}), "--steps=10: there is no such option. Did you mean train.steps?"},
      {train({"train.steps", "10"}), "Did you mean train.steps=10?"},
      {train({"train.steps:", "10"}), "Did you mean train.steps=10?"},
      {train({"train.steps:10"}), "Did you mean train.steps=10?"},
      {train({"train.steps=", "10"}), "Did you mean train.steps=10?"},
      {train({"train.steps", "=", "10"}), "Did you mean train.steps=10?"},
      {train({"probe.snapshots=[0,", "100]"}),
       "the shell split this value at a space. Quote it: 'probe.snapshots=[0, 100]'."},
      {train({"seed=1"}), "Write seed.init=1 seed.data=1."},
      {train({"model.position=rope,alibi"}),
       "Write [rope, alibi] for one per layer; several runs "
       "are an experiment's grid (waiver sweep)."},
      {train({"train.optimizer=adam,sgd"}), "several are an experiment's grid (waiver sweep)."},
      {train({"train.optimizer.lr=1e-3,3e-4"}), "several are an experiment's grid (waiver sweep)."},
      {train({"model.width=[8,16]"}), "several are an experiment's grid (waiver sweep)."},
      {train({"train.freeze=[*.bias]"}),
       "a text that begins with * needs quotes in YAML. Write 'train.freeze=[\"*.bias\"]', with "
       "both "
       "kinds of quotes."},
  });
}

TEST_CASE("the config within a checkpoint is called what it is") {
  const Ended ended = waiver_says({"eval", "/run", "model.width=7.5"});
  CHECK(ended.status == 2);
  const Ended placed = waiver_says({"eval", "/run", "train.accumulate=3"});
  CHECK(placed.status == 2);
  const Ended inside = waiver_says({"eval", "/run", "data.rule=markov", "data.triggers=0"});
  CHECK(inside.status == 2);
  CHECK(!contains(placed.output + inside.output, "step-00000001/config"));
  CHECK(contains(waiver_says({"eval", "/run", "model.heads=3"}).output,
                 "config in " + folder().path("run/checkpoints/step-00000001/model.safetensors:")));
}

TEST_CASE("a config that comes through a pipe is read once, and kept as it was read") {
  const std::string pipe = folder().path("pipe"),
                    text = "# mine\n" + file_text(folder().path("tiny.yaml"));
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(pipe) << text; });
  const Ended ended = waiver_says({"train", "/pipe", "--out", "/piped"});
  writer.join();
  CHECK_MESSAGE(ended.status == 0, ended.output);
  CHECK(file_text(folder().path("piped/config.original.yaml")) == text);
}

TEST_CASE("what is no file of text is refused in a short sentence") {
  const std::string binary = folder().write("b.yaml", std::string("\x7f"
                                                                  "ELF\0\1\2\x1b[31m",
                                                                  12) +
                                                          std::string(3 << 20, '\xee'));
  const std::string line =
      folder().write("l.yaml", "model: {" + std::string(3 << 20, 'a') + ": 1}\n");
  const std::string deep = folder().write("d.yaml", "model: " + std::string(10000, '[') + "\n");
  for (const std::string& path :
       {binary, line, deep, std::string("/dev/zero"), std::string("/dev/null")}) {
    CAPTURE(path);
    const Ended ended = run_program({"config", "check", path});
    CHECK(ended.status == 2);
    CHECK(ended.output.size() < 2000);
    CHECK(ended.output.size() > 20);
    CHECK(ended.output.find('\x1b') == ended.output.npos);
  }
}

TEST_CASE("a run that cannot fit into memory is refused before its folder is made") {
  const Ended check =
      waiver_says({"config", "check", "/tiny.yaml", "model.mlp.width=4611686018427387904"});
  CHECK(check.status == 2);
  CHECK(contains(check.output, "model.mlp.width: the run does not fit into memory"));
  const Ended train = waiver_says(
      {"train", "/tiny.yaml", "model.mlp.width=4611686018427387904", "--out", "/large"});
  CHECK(train.status == 2);
  CHECK(train.output == check.output);
  CHECK(!std::filesystem::exists(folder().path("large")));
  CHECK(contains(waiver_says({"config", "check", "/tiny.yaml"}).output, "Memory: about "));
}

TEST_CASE("figures are refused in a sentence, without a traceback") {
  const std::string script = std::string(WAIVER_SOURCE_DIR) + "/scripts/figures.py";
  const std::string cut =
      folder().write("cut/log.h5", file_text(folder().path("run/log.h5")).substr(0, 3000));
  folder().write("broken/sweep.json", "{\"runs\": 3}");
  folder().write("foreign/log.h5", "no log");
  for (const std::string name :
       {"run", "cut", "foreign", "broken", "sweep", "nowhere", "tiny.yaml"}) {
    CAPTURE(name);
    const std::string out = folder().path("figures.txt");
    const int status = std::system(
        fmt::format("/usr/bin/python3 '{}' '{}' > '{}' 2>&1", script, folder().path(name), out)
            .c_str());
    CHECK(WEXITSTATUS(status) == 1);
    CHECK(!contains(file_text(out), "Traceback"));
    CHECK(file_text(out).size() > 20);
  }
}
