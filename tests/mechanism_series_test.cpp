// What selects the waiver, over the steps of a run: at its checkpoints, and while it trains.
#include <doctest/doctest.h>

#include <bit>

#include "config_files.h"
#include "inspect/mechanism_series.h"
#include "marked.h"
#include "probe/mechanism/series.h"
#include "program.h"
#include "run/directory.h"
#include "runs.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr int64_t F = 8;

const std::string kNop = R"(
model: {layers: 1, width: 8, context: 16, input: features, dedicated: {count: 1}, mlp: {kind: none},
        position: {kind: learned, into: attention}, norm: {kind: none},
        attention: {mask: bidirectional, bias: true}}
data: {kind: nop, features: 8, dedicated: {kind: random, count: 1}}
train: {steps: 20, batch: 4, objective: regression, log_every: 5, eval: {every: 0},
        checkpoint: {every: 5, keep: 1, at: [0, 5, 10]}}
probe: {every: 5, first: [1], batch: 16}
)";

// Every query gives a key the score that channel 1 of what enters attention has, a hundredth of it
// so that the features, which are random, hardly matter; and a value is 1 + channel 3 likewise.
enum class Selected { by_features, by_position };
std::unique_ptr<Transformer> hand_set(const Config& config, Selected by) {
  auto made = std::make_unique<Transformer>(config.model, 3, 1);
  for (float& x : made->parameters().values()) x = 0;
  const Tensor qkv = weight_of(*made, "blocks.0.attn.qkv.weight"),
               bias = weight_of(*made, "blocks.0.attn.qkv.bias");
  bias.data[0] = std::sqrt(static_cast<float>(F));  // which the scale takes away again
  qkv.row(1)[F] = 0.01f;
  bias.data[2 * F] = 1;
  qkv.row(3)[2 * F] = 0.01f;
  weight_of(*made, "blocks.0.attn.out.weight").row(0)[4] = 1;
  const Tensor special = weight_of(
      *made, by == Selected::by_features ? "embed.dedicated.weight" : "embed.position.weight");
  special.row(0)[1] = 600;
  special.row(0)[3] = -90;
  return made;
}

void save(const fs::path& run, const Config& config, int64_t step, Selected by) {
  const auto model = hand_set(config, by);
  auto optimizer = config.train.optimizer.make();
  optimizer->build(model->parameters(), 0);
  save_checkpoint(run / "checkpoints", {step, to_yaml(config)}, model->parameters(),
                  optimizer.get());
}

std::vector<uint64_t> bits_of(const Log& log, const std::string& name) {
  std::vector<uint64_t> out;
  for (const double x : log.read("mechanism", name).values)
    out.push_back(std::bit_cast<uint64_t>(x));
  return out;
}

Ended train(const std::string& config, const std::string& run, Strings more = {}) {
  more.insert(more.begin(), {"train", config, "--out", run});
  return run_program(more);
}

}  // namespace

TEST_CASE("a choice that switches between two checkpoints is named rightly at both") {
  const Folder folder;
  const Config config = parse(kNop);
  const std::string run = folder.path("run");
  REQUIRE(train(folder.write("nop.yaml", kNop), run, {"train.steps=1"}).status == 0);
  fs::remove_all(fs::path(run) / "checkpoints");
  save(run, config, 10, Selected::by_features);
  save(run, config, 20, Selected::by_position);

  const std::vector<MechanismAt> all = mechanism_of_checkpoints(run);
  REQUIRE(all.size() == 2);
  CHECK(all[0].step == 10);
  CHECK(all[0].found.key == "dedicated");
  CHECK(all[0].found.waiver == -1);
  CHECK(all[0].found.selected_by == SelectedBy::feature_distribution);
  CHECK(all[1].step == 20);
  CHECK(all[1].found.key == "position 0");
  CHECK(all[1].found.waiver == 0);
  CHECK(all[1].found.selected_by == SelectedBy::position_encoding);
  // The features move scores by some hundredths.
  const double share = std::exp(6.0) / (std::exp(6.0) + 15);
  for (const auto& [step, m] : all) {
    CAPTURE(step);
    CHECK(m.status == Verdict::waiver);
    CHECK(std::abs(m.received - share) < 0.01);
    CHECK(std::abs(m.value_ratio - 0.1) < 0.02);
    const bool features = step == 10;
    CHECK(std::abs(m.follows.encoding - (features ? 0 : 1)) < 0.05);
    CHECK(std::abs(m.follows.content - (features ? 1 : 0)) < 0.05);
    CHECK(std::abs(m.follows.both - 1) < 0.05);
  }

  const Ended ended = run_program({"probe", run, "--mechanism", "--all-checkpoints"});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  CHECK(contains(ended.output, "feature distribution"));
  CHECK(contains(ended.output, "position encoding"));
  const Log log = Log::open(fs::path(run) / kMechanismFile);
  CHECK(log.steps("mechanism") == std::vector<int64_t>{10, 20});
  CHECK(log.read("mechanism", "selected_by").values == std::vector<double>{3, 2});
  CHECK(log.read("mechanism", "position").values == std::vector<double>{-1, 0});
  CHECK(log.read("mechanism", "status").values == std::vector<double>{2, 2});
  CHECK(log.strings("mechanism", "key_name") == Strings{"dedicated", "position 0"});
  for (const SeriesSpec& spec : mechanism_series()) {
    CAPTURE(spec.name);
    CHECK(log.spec("mechanism", spec.name).description == spec.description);
    for (size_t i = 0; i < 2; ++i) {
      const auto numbers = numbers_of(all[i].found);
      const auto found =
          std::ranges::find(numbers, spec.name, &std::pair<std::string, double>::first);
      REQUIRE(found != numbers.end());
      const double logged = log.read("mechanism", spec.name).values[i];
      CHECK((logged == found->second || (std::isnan(logged) && std::isnan(found->second))));
    }
  }
  // The same file again, which replaces its own.
  const std::string bytes = file_text(fs::path(run) / kMechanismFile);
  CHECK(run_program({"probe", run, "--mechanism", "--all-checkpoints", "--threads", "1"}).status ==
        0);
  CHECK(file_text(fs::path(run) / kMechanismFile) == bytes);
}

TEST_CASE(
    "what is asked in training is what is asked of its checkpoints, and changes nothing else") {
  const Folder folder;
  const std::string config = folder.write("nop.yaml", kNop);
  const Strings ask = {"probe.mechanism=[0,5,10,20]"};
  REQUIRE(train(config, folder.path("asked"), ask).status == 0);
  REQUIRE(train(config, folder.path("plain")).status == 0);
  const Log log = Log::open(folder.path("asked/log.h5"));
  CHECK(log.steps("mechanism") == std::vector<int64_t>{0, 5, 10, 20});
  CHECK_FALSE(Log::open(folder.path("plain/log.h5")).has("mechanism", "selected_by"));
  CHECK(weights(folder.path("asked"), 20) == weights(folder.path("plain"), 20));
  auto with = logged(folder.path("asked"));
  std::erase_if(with, [](const auto& series) { return series.first.starts_with("mechanism/"); });
  CHECK(with == logged(folder.path("plain")));

  const Ended ended = run_program({"probe", folder.path("asked"), "--mechanism",
                                   "--all-checkpoints", "--out", folder.path("all.h5")});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  CHECK_FALSE(fs::exists(folder.path("asked/mechanism.h5")));
  const Log all = Log::open(folder.path("all.h5"));
  CHECK(all.steps("mechanism") == log.steps("mechanism"));
  for (const SeriesSpec& spec : mechanism_series()) {
    CAPTURE(spec.name);
    CHECK(bits_of(all, spec.name) == bits_of(log, spec.name));
  }
}

TEST_CASE("a run that is asked what selects resumes to the same answers, stopped or killed") {
  const Folder folder;
  const std::string config = folder.write("nop.yaml", kNop);
  const Strings ask = {"train.steps=400", "probe.mechanism=[0,5,10,150,200,210,400]"};
  REQUIRE(train(config, folder.path("whole"), ask).status == 0);
  const auto whole = logged(folder.path("whole"));
  REQUIRE(whole.at("mechanism/step") == std::vector<uint64_t>{0, 5, 10, 150, 200, 210, 400});
  for (const int signal : {SIGKILL, SIGTERM}) {
    CAPTURE(signal);
    const std::string run = folder.path("run-" + std::to_string(signal));
    Strings command = {"train", config, "--out", run};
    command.insert(command.end(), ask.begin(), ask.end());
    Program program(command);
    REQUIRE(program.makes(fs::path(run) / "checkpoints/step-00000010/state.h5"));
    program.signal(signal);
    REQUIRE(program.wait().status != 0);
    command.push_back("--resume");
    const Ended resumed = run_program(command);
    INFO(resumed.output);
    REQUIRE(resumed.status == 0);
    CHECK(contains(resumed.output, "Resuming at step"));
    CHECK(logged(run) == whole);
    CHECK(weights(run, 400) == weights(folder.path("whole"), 400));
  }
}

TEST_CASE("the answers are the same whatever the number of threads") {
  const Folder folder;
  const std::string config = folder.write("nop.yaml", kNop);
  for (const char* threads : {"1", "2"})
    REQUIRE(train(config, folder.path(threads), {"probe.mechanism=[0,20]", "--threads", threads})
                .status == 0);
  CHECK(logged(folder.path("1")) == logged(folder.path("2")));
}

TEST_CASE(
    "the file in a run's folder is replaced where it is the program's own, and goes with the run") {
  const Folder folder;
  const std::string config = folder.write("nop.yaml", kNop), run = folder.path("run");
  const fs::path file = fs::path(run) / kMechanismFile;
  REQUIRE(train(config, run).status == 0);
  put_bytes(file, "mine");
  const Ended foreign = run_program({"probe", run, "--mechanism", "--all-checkpoints"});
  CHECK(foreign.status == 2);
  CHECK(
      contains(foreign.output, "this file was not written by this program, so it is not replaced"));
  CHECK(file_text(file) == "mine");
  const Ended beside = train(config, run, {"--overwrite"});
  CHECK(contains(beside.output, "Left untouched: mechanism.h5."));
  CHECK(file_text(file) == "mine");
  fs::remove(file);
  REQUIRE(run_program({"probe", run, "--mechanism", "--all-checkpoints"}).status == 0);
  // The answers are about checkpoints that are no more.
  const Ended anew = train(config, run, {"--overwrite", "seed.init=1"});
  CHECK(anew.status == 0);
  CHECK_FALSE(contains(anew.output, "Left untouched"));
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("every finished run of a sweep is asked, and each folder gets its own answers") {
  const Folder folder;
  folder.write("nop.yaml", kNop);
  const auto study = folder.write("study.yaml", "title: two\nbase: nop.yaml\nseeds: [0, 1]\n");
  const std::string sweep = folder.path("sweep");
  const Ended swept = run_program({"sweep", study, "--out", sweep});
  INFO(swept.output);
  REQUIRE(swept.status == 0);
  const Ended refused = run_program(
      {"probe", sweep, "--mechanism", "--all-checkpoints", "--out", folder.path("all.h5")});
  CHECK(refused.status == 2);
  CHECK(contains(refused.output,
                 "for a sweep, every run's folder gets its own mechanism.h5. Omit it."));
  const Ended ended = run_program({"probe", sweep, "--mechanism", "--all-checkpoints"});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  int runs = 0;
  for (const auto& entry : fs::directory_iterator(sweep)) {
    if (!is_run(entry.path())) continue;
    ++runs;
    CHECK(Log::open(entry.path() / kMechanismFile).steps("mechanism") ==
          std::vector<int64_t>{0, 5, 10, 20});
    CHECK(contains(ended.output, entry.path().string()));
  }
  CHECK(runs == 2);
}

TEST_CASE("what cannot be asked is refused with a sentence, and leaves no file") {
  const Folder folder;
  const std::string config = folder.write("nop.yaml", kNop), run = folder.path("run");
  REQUIRE(train(config, run).status == 0);
  const auto refused = [&](Strings command, std::string_view sentence) {
    const Ended ended = run_program(command);
    CAPTURE(ended.output);
    CHECK(ended.status == 2);
    CHECK(contains(ended.output, sentence));
    CHECK_FALSE(fs::exists(fs::path(run) / kMechanismFile));
  };
  refused({"probe", run, "--all-checkpoints"},
          "--all-checkpoints: only the mechanism tests look at all of them. Add --mechanism.");
  refused({"probe", run, "--mechanism", "--all-checkpoints", "probe.batch=3"},
          "--all-checkpoints: a run's checkpoints are tested as they are. Omit the overrides.");
  refused({"probe", run + "/checkpoints/step-00000020", "--mechanism", "--all-checkpoints"},
          "this is not a run's folder, so it has no list of checkpoints. Give RUN, or leave "
          "--all-checkpoints out for one checkpoint.");
  refused({"probe", folder.path("none"), "--mechanism", "--all-checkpoints"}, folder.path("none"));
  put_bytes(folder.path("mine.h5"), "mine");
  refused({"probe", run, "--mechanism", "--all-checkpoints", "--out", folder.path("mine.h5")},
          "mine.h5");
  CHECK(file_text(folder.path("mine.h5")) == "mine");
  fs::remove_all(fs::path(run) / "checkpoints");
  refused({"probe", run, "--mechanism", "--all-checkpoints"},
          run +
              ": this run has no checkpoint. Set train.checkpoint.at: [0, 100, …] to keep those of "
              "chosen steps.");

  CHECK(
      complaint(kNop, {"probe.mechanism=[5]", "probe.every=0"}) ==
      "override probe.mechanism=[5]: probe.mechanism: it is not asked without probes (probe.every "
      "is 0). Write mechanism: [].");
  CHECK(complaint("model: {layers: 1, position: none, attention: {absent: [0]}}\n"
                  "probe: {mechanism: [0]}\n") ==
        "a.yaml:2:20: probe.mechanism: no layer has attention to be selected by. Write mechanism: "
        "[].");
  CHECK(
      complaint("model: {attention: {mask: {window: 2, prefix: 1}}}\nprobe: {mechanism: [0]}\n") ==
      "a.yaml:2:20: probe.mechanism: queries have at most one key in common, so there is none to "
      "compare it with. Write mechanism: [].");
  CHECK(complaint("model: {context: 8, attention: {mask: {window: 3, prefix: 1}}}\nprobe: "
                  "{mechanism: [0]}\n") == "(no complaint)");
  // Asked of a mask with a million queries, it takes no time.
  CHECK(complaint("model: {context: 1048576}\nprobe: {mechanism: [0]}\n") == "(no complaint)");
}

TEST_CASE("a model without attention, or with a single shared key, cannot be asked of its run") {
  const Folder folder;
  const auto config = folder.write("tiny.yaml",
                                   "model: {layers: 1, width: 8, context: 16, mlp: {width: 8}}\n"
                                   "train: {steps: 1, batch: 2, eval: {every: 0}}\n"
                                   "probe: {every: 0, batch: 2}\n");
  const std::string without = folder.path("without"), shared = folder.path("shared");
  REQUIRE(train(config, without, {"model.attention.absent=[0]", "model.position=none"}).status ==
          0);
  REQUIRE(train(config, shared, {"model.attention.mask.window=2", "model.attention.mask.prefix=1"})
              .status == 0);
  for (const Strings& more : {Strings{}, Strings{"--all-checkpoints"}}) {
    Strings first = {"probe", without, "--mechanism"}, second = {"probe", shared, "--mechanism"};
    first.insert(first.end(), more.begin(), more.end());
    second.insert(second.end(), more.begin(), more.end());
    const Ended a = run_program(first), b = run_program(second);
    CHECK(a.status == 2);
    CHECK(contains(a.output, "this model has no attention to be selected by"));
    CHECK(b.status == 2);
    CHECK(contains(b.output, "queries have at most one key in common"));
  }
  for (const std::string& run : {without, shared})
    CHECK_FALSE(fs::exists(fs::path(run) / kMechanismFile));
}

}  // namespace waiver
