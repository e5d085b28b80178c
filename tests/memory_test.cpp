// What a run takes, as it is told before anything is created.
#include "run/memory.h"
#include "core/error.h"

#include "config/config.h"
#include "config_files.h"
#include "core/memory.h"
#include "probe/mechanism/passes.h"
#include "probe/prober.h"
#include "program.h"
#include "train/flat_optimizer.h"
#include "train/trainer.h"
#include "train/validation.h"

using namespace waiver;

namespace {

// What a config adds to a small one.
const Strings kConfigs = {
    "",
    "model: {context: 300, heads: 2, position: rope}\ntrain: {accumulate: 2}\n",
    "data: {kind: unigram, tokens: 5000}\nmodel: {output: {tied: true, bias: true}}\n",
    "model: {layers: 9, mlp: {kind: swiglu, bias: true}, norm: {kind: rms, place: sandwich}}\n",
    "model: {mlp: none, norm: none, position: {kind: sinusoidal}, dropout: {residual: 0.1}}\n",
    "model: {attention: {slot: key_value, qk_norm: rms, gate: head, normalizer: sigmoid, bias: "
    "true}, "
    "position: relative, sink_tokens: 2, dropout: {attention: 0.1}}\n",
    "model: {precision: bfloat16, mlp: {kind: gelu, width: 300, bias: true}, position: rope}\n",
    "model: {mlp: {kind: gelu, width: 512}, attention: {mask: {separator: 3}}, init: gpt2}\n"
    "train: {freeze: [blocks.0.*]}\n",
    "model: {attention: {mask: bidirectional, gate: value}, norm: {kind: layer, place: post}}\n"
    "train: {objective: masked_token}\n",
    "data: {kind: trigger_average, features: 16}\n"
    "model: {input: features, width: 16, heads: 1, position: none}\ntrain: {objective: "
    "regression}\n",
    "data: {kind: nop, features: 16}\n"
    "model: {input: features, width: 16, heads: 1, dedicated: {count: 1}, norm: {final: false}, "
    "position: {kind: learned, into: attention}}\ntrain: {objective: regression}\n",
    "probe: {every: 1, snapshots: [0], batch: 5}\ntrain: {optimizer: lion}\n",
    "model: {layers: 3, dropout: {residual: 0.1}}\ntrain: {recompute: true}\n",
    "model: {layers: 3, precision: bfloat16, attention: {slot: key}}\n"
    "train: {recompute: true, accumulate: 3}\n",
};

Config small(const std::string& more, const Strings& overrides = {}) {
  Strings all = {"train.batch=6", "probe.every=0"};
  if (more.find("width: 16") == more.npos) all.push_back("model.width=32");
  if (more.find("context") == more.npos) all.push_back("model.context=40");
  if (more.find("every") != more.npos) all.erase(all.begin() + 1);
  all.insert(all.end(), overrides.begin(), overrides.end());
  return parse(more, all);
}

constexpr int64_t kPlenty = int64_t{1} << 40;

// What delta_logit keeps: a mean of every token, in each head of all layers and of a part's
// sequences.
int64_t kept(const Config& config, const Dataset& data) {
  const ModelConfig& m = config.model;
  constexpr int64_t mean = 16;
  return mean * (m.layers + Prober::part_size(m, config.probe.batch)) * m.heads * data.vocabulary();
}

}  // namespace

TEST_CASE("a rehearsal gives out as much as a step takes, to the byte") {
  for (const std::string& more : kConfigs) {
    CAPTURE(more);
    const Config config = small(more);
    const auto data = open_data(config);
    const MemoryUse use = estimate_memory(config, *data, kPlenty);
    Transformer model(config.model, data->vocabulary(), 0);
    Trainer trainer(config.train, model, *data, 0);
    trainer.update(0);
    CHECK(use.activations + use.logits == static_cast<int64_t>(trainer.arena().peak()));
    CHECK(use.parameters == model.parameters().count());
    CHECK(use.weights >= 8 * std::ssize(model.parameters().values()));
  }
}

TEST_CASE("what an optimizer keeps is counted") {
  for (const auto& entry : registry<Optimizer>()) {
    CAPTURE(entry.name);
    const Config config = small("", {fmt::format("train.optimizer={}", entry.name)});
    const auto data = open_data(config);
    const MemoryUse use = estimate_memory(config, *data, kPlenty);
    Transformer model(config.model, data->vocabulary(), 0);
    const auto optimizer = config.train.optimizer.make();
    optimizer->build(model.parameters(), 0);
    int64_t bytes = 0;
    for (const auto& state : optimizer->state()) bytes += std::ssize(state.values) * 4;
    CHECK(bytes > 0);
    CHECK(use.moments >= bytes);
    // One whose rule treats every weight alike keeps nothing else.
    if (dynamic_cast<FlatOptimizer*>(optimizer.get())) CHECK(use.moments <= bytes + bytes / 10);
  }
}

TEST_CASE("a rehearsal gives out as much as a probe takes, to the byte") {
  for (const std::string& more : kConfigs) {
    CAPTURE(more);
    const Config config = small(more, {"probe.every=1", "probe.batch=5", "probe.snapshots=[0]"});
    const auto data = open_data(config);
    const MemoryUse use = estimate_memory(config, *data, kPlenty);
    const Transformer model(config.model, data->vocabulary(), 0);
    Prober prober(model, *data, config.probe, 0);
    prober.measure(true);
    int64_t maps = 0;
    for (const auto& [name, numbers] : prober.snapshot()) maps += 4 * std::ssize(*numbers);
    const auto pass = static_cast<int64_t>(prober.arena().peak());
    const int64_t gradients = 4 * std::ssize(model.parameters().grads());
    const int64_t found = use.probes - maps - kept(config, *data);
    if (data->mask_token() < 0)
      CHECK((found == pass || found == pass + gradients));
    else  // two passes, of which the last is not the greatest
      CHECK(found >= pass);
  }
}

TEST_CASE("the mechanism tests in training are counted: passes of their own, and what they keep") {
  const std::string features =
      "data: {kind: nop, features: 16}\n"
      "model: {input: features, width: 16, heads: 1, dedicated: {count: 1}}\n"
      "train: {objective: regression}\n";
  for (const std::string& more : {std::string(), features}) {
    CAPTURE(more);
    const auto estimate = [&](const Strings& overrides) {
      Strings all = {"probe.every=1", "probe.batch=5"};
      all.insert(all.end(), overrides.begin(), overrides.end());
      const Config config = small(more, all);
      return estimate_memory(config, *open_data(config), kPlenty).probes;
    };
    const Config config = small(more, {"probe.every=1", "probe.batch=5"});
    const auto data = open_data(config);
    const Transformer model(config.model, data->vocabulary(), 0);
    Prober prober(model, *data, config.probe, 0);
    Passes passes(model, prober);
    const Pass pass = passes.natural();
    const int64_t kept = 8 * std::ssize(pass.received) + 8 * std::ssize(pass.enrichment) +
                         8 * std::ssize(pass.value_ratio);
    // The natural pass, an edited one, and the metric's own.
    const int64_t least = static_cast<int64_t>(prober.arena().peak()) + 3 * kept;
    const int64_t counted = estimate({"probe.mechanism=[0]"}) - estimate({});
    CHECK(counted >= least);
    CHECK(counted <= 2 * least);
  }
}

TEST_CASE("what a saved model takes is exact to the byte, without what only training takes") {
  for (const std::string& more : kConfigs) {
    CAPTURE(more);
    const Config config = small(more, {"probe.batch=5"});
    const auto data = open_data(config);
    const Transformer model(config.model, data->vocabulary(), 0);
    const auto estimate = [&](const Reading& reading) {
      const MemoryUse use = estimate_memory(config, *data, reading, kPlenty);
      CHECK(use.moments + use.batch + use.log + use.saving == 0);
      return use;
    };
    Arena arena;
    const int64_t part = config.train.batch / config.train.accumulate;
    validation_loss(model, *data, {0, part, part}, arena);
    const MemoryUse evaluated = estimate({.validates = true});
    // A task's risks come after it, where they take more.
    CHECK((evaluated.activations == static_cast<int64_t>(arena.peak()) ||
           evaluated.probes > static_cast<int64_t>(arena.peak())));
    const int64_t gradients = 4 * std::ssize(model.parameters().grads());
    for (const When which : {When::training, When::on_demand}) {
      Prober prober(model, *data, config.probe, 0, which);
      prober.measure();
      const auto pass = static_cast<int64_t>(prober.arena().peak());
      const bool all = which == When::on_demand;
      const int64_t found =
          estimate({.measures = !all, .probes = all}).probes - kept(config, *data);
      CAPTURE(found);
      CAPTURE(pass);
      if (data->mask_token() < 0 && !all) {
        CHECK((found == pass || found == pass + gradients));
      } else {  // two passes, of which the last need not be the greatest
        CHECK(found >= pass);
        CHECK(found <= pass + pass / 8 + gradients);
      }
    }
  }
}

TEST_CASE("reading a model takes as much as the part of it that takes the most") {
  const Config config = small("model: {position: learned}\n", {"probe.batch=5"});
  const auto data = open_data(config);
  const auto total = [&](const Reading& reading) {
    return estimate_memory(config, *data, reading, kPlenty).total();
  };
  constexpr int64_t slack = 1 << 20;  // of the program itself, from one moment to the next
  const int64_t probed = total({.probes = true}), tested = total({.mechanism = true}),
                both = total({.probes = true, .mechanism = true});
  CHECK(std::abs(both - std::max(probed, tested)) <= slack);
  constexpr int64_t files = int64_t{1} << 30;
  const MemoryUse loading = estimate_memory(config, *data, {.checkpoint = files}, kPlenty);
  CHECK(loading.loading >= files);
  CHECK(loading.activations == 0);
}

TEST_CASE("what edits keep of other sequences and of encodings is counted") {
  const Config config = small("model: {position: learned}\n", {"probe.batch=5"});
  const auto data = open_data(config);
  const ModelConfig& m = config.model;
  const auto probes = [&](const char* rule, const std::string& at) {
    std::vector<EditConfig> edits(1);
    edits[0].at = {at};
    edits[0].edit.set(rule);
    return estimate_memory(config, *data, {.arms = {edits}}, kPlenty).probes;
  };
  const int64_t plain = probes("zero", "blocks.*.attn.v");
  const int64_t numbers = 5 * m.context * m.width;  // of the probe batch
  CHECK(probes("donor", "blocks.0.resid") - plain == 4 * numbers);
  CHECK(probes("donor", "blocks.*.attn.v") - plain == 4 * m.layers * numbers);
  const Transformer model(m, data->vocabulary(), 0);
  Batch batch;
  batch.resize(5, m.context);
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {batch.inputs, 5, m.context});
  const int64_t effective = probes("zero", "blocks.0.effective") - plain;
  CHECK(effective == static_cast<int64_t>(arena.used()));

  // One arm after the other: many take no more than one.
  std::vector<EditConfig> donor(1);
  donor[0].at = {"blocks.*.resid"};
  donor[0].edit.set("donor");
  const Reading one{.arms = {donor}}, many{.arms = {200, donor}};
  const int64_t most = 2 * estimate_memory(config, *data, one, kPlenty).total();
  CHECK(estimate_memory(config, *data, many, most).probes ==
        estimate_memory(config, *data, one, most).probes);
}

TEST_CASE(
    "a verb that reads a model tells beforehand, beside its result, how much memory it takes") {
  const Folder folder;
  // So large that what the system rounds does not count.
  const std::string config = folder.write(
      "c.yaml",
      "model: {layers: 3, heads: 2, width: 512, context: 96, position: rope, norm: rms, "
      "mlp: {kind: swiglu, width: 2048}}\n"
      "data: {kind: unigram, tokens: 5000}\ntrain: {steps: 0}\nprobe: {every: 0, batch: 16}\n");
  const std::string spec = folder.write(
      "s.yaml",
      "arms: [{name: a, edits: [{at: [blocks.*.resid], edit: donor, positions: [3]}]}]\n");
  const std::string run = folder.path("run");
  REQUIRE(run_program({"train", config, "--out", run}).status == 0);
  const std::string hub = folder.path("hub");
  const Ended exported = run_program({"export", run, "--out", hub});
  REQUIRE_MESSAGE(exported.status == 0, exported.output);
  const std::string notices = folder.path("notices");
  const Program::Limits apart = {.prepare = [&] {
    dup2(open(notices.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  }};
  for (const Strings& verb : {Strings{"probe", run},
                              {"intervene", run, spec},
                              {"import", hub, "--out", folder.path("imported")}}) {
    CAPTURE(verb.front());
    const Ended ended = run_program(verb, apart);
    const std::string notice = file_text(notices);
    REQUIRE_MESSAGE(ended.status == 0, notice);
    CHECK(notice.starts_with("Memory: about "));
    CHECK_FALSE(contains(ended.output, "Memory"));
#if !defined(__SANITIZE_ADDRESS__)
    const double told = std::stod(notice.substr(14)) * 0x1p20;
    const auto taken = static_cast<double>(ended.peak);
    CAPTURE(told);
    CAPTURE(taken);
    CHECK(told >= 0.9 * taken);
    CHECK(told <= 1.25 * taken);
#endif
  }
}

TEST_CASE("a saved model that cannot read so long a text says so before it tries") {
  const Folder folder;
  const std::string config =
      folder.write("c.yaml",
                   "model: {layers: 1, heads: 1, width: 8, position: rope}\n"
                   "data: {kind: unigram, tokens: 5000}\ntrain: {steps: 0}\n");
  const std::string run = folder.path("run");
  REQUIRE(run_program({"train", config, "--out", run}).status == 0);
  for (const Strings& verb :
       {Strings{"eval", run, "--context", "1048576"}, {"probe", run, "model.context=1048576"}}) {
    CAPTURE(verb.front());
    const Ended ended = run_program(verb);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.output, "model.context: this model does not fit into memory"),
                  ended.output);
  }
}

TEST_CASE("a limit on addresses (ulimit -v) is a limit on memory") {
#if defined(__SANITIZE_ADDRESS__)
  MESSAGE("skipped: the address sanitizer reserves more than any such limit");
#else
  const Folder folder;
  const std::string config =
      folder.write("c.yaml",
                   "model: {layers: 1, heads: 1, width: 8}\ndata: {kind: unigram, tokens: 5000}\n"
                   "train: {steps: 1}\nprobe: {every: 0}\n");
  const Program::Limits limits = {.prepare = [] {
    const rlimit addresses = {rlim_t{3} << 30, rlim_t{3} << 30};
    setrlimit(RLIMIT_AS, &addresses);
  }};
  const std::string out = folder.path("run");
  const auto train = [&](const Strings& more) {
    Strings command = {"train", config, "--out", out, "--threads", "2"};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command, limits);
  };
  const Ended large = train({"model.width=8192"});
  CHECK(large.status == 2);
  CHECK_MESSAGE(contains(large.output, "model.width: the run does not fit into memory"),
                large.output);
  CHECK(!std::filesystem::exists(out));
  const Ended fits = train({});
  CHECK_MESSAGE(fits.status == 0, fits.output);
#endif
}

TEST_CASE("a rehearsal neither computes nor keeps memory") {
  const Config config = small("", {"model.width=4096", "model.mlp.width=16384", "train.batch=256"});
  const auto data = open_data(config);
  reset_peak_resident();
  const int64_t before = peak_resident();
  const MemoryUse use = estimate_memory(config, *data, kPlenty);
  CHECK(use.total() > (int64_t{3} << 30));
  CHECK(peak_resident() - before < (int64_t{64} << 20));
}

TEST_CASE("what cannot fit is refused at the key that it is due to, before anything is created") {
  const struct {
    const char *override, *key;
  } cases[] = {{"model.mlp.width=4611686018427387904", "model.mlp.width"},
               {"model.mlp.width=9223372036854775807", "model.mlp.width"},
               {"train.tokens=1099511627776", "train.batch"},
               {"train.steps=9223372036854775807", "train.steps"},
               {"model.context=1048576", "model.context"}};
  for (const auto& [override, key] : cases) {
    CAPTURE(override);
    const Config config = small("probe: {every: 1000000000000000000}\nmodel: {context: 64}\n",
                                {"train.batch=1024", override});
    const std::string message = complaint_of([&] { require_memory(config, *open_data(config)); });
    CHECK(contains(message, std::string(key) + ": the run does not fit into memory"));
  }
}

TEST_CASE("a config with any whole number at its extreme is refused or trains") {
  const Folder folder;
  const std::string text = folder.write("t.txt", std::string(3000, 'x') + "yz");
  const std::string ids = folder.write("t.bin", std::string(6000, '\0'));
  const Strings base = {"model.width=8", "model.context=8", "model.layers=1",
                        "train.batch=2", "train.steps=1",   "probe.batch=2"};
  for (const KeyInfo& key : config_keys()) {
    if (key.allowed.find("whole number") == key.allowed.npos) continue;
    for (const char* number :
         {"0", "1", "1000", "1000000000000000000", "4611686018427387904", "9223372036854775807"}) {
      const std::string value =
          key.allowed.starts_with("a list") ? fmt::format("[{0}, {0}]", number) : number;
      Strings overrides = base;
      if (!key.condition.empty()) overrides.push_back(key.condition + "=" + key.values.front());
      if (key.name.starts_with("data.") && key.condition == "data.kind" &&
          key.values.front() == "text")
        overrides.push_back("data.path=" + text);
      if (key.condition == "data.kind" && key.values.front() == "tokens")
        overrides.insert(overrides.end(), {"data.train=" + ids, "data.validation=" + ids});
      overrides.push_back(key.name + "=" + value);
      CAPTURE(overrides.back());
      try {
        const Config config = parse("", overrides);
        const auto data = open_data(config);
        require_memory(config, *data);
        Transformer model(config.model, data->vocabulary(), 0);
        Trainer(config.train, model, *data, 0).update(0);
        Prober(model, *data, config.probe, 0).measure();
      } catch (const Error& refused) {
        CHECK(std::string(refused.what()).size() > 20);
      }
    }
  }
}
