#include "bench/bench.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "autograd/profile.h"
#include "config/config.h"
#include "core/threads.h"
#include "model/flops.h"
#include "program.h"
#include "temporary.h"

using namespace waiver;

namespace {

Workload tiny(bool backcopy) {
  Workload w = find_workloads(backcopy ? "bb" : "small").front();
  w.model.layers = 2;
  w.model.heads = 2;
  w.model.width = 16;
  w.model.context = 24;
  w.model.mlp.width = 32;
  w.train.batch = 3;
  return w;
}

const BenchOptions kShort = {.rounds = 2, .round_seconds = 0};

const BenchRow* find(const BenchResult& result, const std::string& name) {
  for (const BenchRow& row : result.rows)
    if (row.name == name) return &row;
  return nullptr;
}

nlohmann::json result_of(const BenchResult& result) {
  return nlohmann::json::parse(results_json({result}))["results"][0];
}

}  // namespace

namespace {
double useful_flops(const Workload& w) { return useful_flops_per_token(w.model, w.vocabulary); }
}  // namespace

TEST_CASE("useful FLOPs count every product of a training step once") {
  // small: 4 blocks of 256·768 + 256·256 + 2·256·1024 weights, 256·256 at the output; attention
  // 6·4·256·256.
  const Workload small = find_workloads("small").front();
  CHECK(useful_flops(small) == 6.0 * (4 * 786432 + 65536) + 1572864);
  CHECK(useful_flops(small) == 20840448);
  // bb: 196608 + 65536 + 524288 weights, 256·67 at the output; attention 6·256·256.
  CHECK(useful_flops(find_workloads("bb").front()) == 5214720);
  // A gate's matrices count: 4 blocks of one gate per head, per channel, and per pair of a head's.
  Workload w = small;
  for (const auto& [gate, weights] :
       {std::pair{"head", 256 * 4}, {"output", 256 * 256}, {"value", 4 * 64 * 64}}) {
    w.model.attention.gate.set(gate);
    CHECK(useful_flops(w) == 20840448 + 6.0 * 4 * weights);
  }
  // Two sink tokens: 258 rows of 256 in the blocks, and two keys more for each query.
  w = small;
  w.model.sink_tokens = 2;
  CHECK(useful_flops(w) ==
        doctest::Approx(6.0 * (4 * 786432 * 258.0 / 256 + 65536 + 4 * 256 * (256 + 4))));
}

TEST_CASE("the workloads are those that have a name, each at all its sizes") {
  CHECK(workload_names() ==
        std::vector<std::string>{"small", "bb", "lm", "gu60m", "long", "switches"});
  for (const std::string& name : workload_names())
    for (const Workload& w : find_workloads(name)) {
      CHECK(w.name == name);
      CHECK(w.model.misfits().empty());
    }
  CHECK(find_workloads("long").size() == 5);
  CHECK(find_workloads("long").back().model.context == 16384);
  CHECK_THROWS_WITH_AS(
      find_workloads("smal"),
      "smal: there is no such workload. Known are small, bb, lm, gu60m, long, switches.",
      UsageError);
  CHECK(workload_data(find_workloads("bb").front())->vocabulary() == 67);
}

namespace {

template <class T>
void check_kinds(const std::set<std::string>& settings, const std::string& key,
                 std::string_view plain) {
  for (const Registered<T>& entry : registry<T>()) {
    const std::string setting = fmt::format("{}={}", key, entry.name);
    CAPTURE(setting);
    CHECK(std::ranges::any_of(settings, [&](const std::string& s) {
            return s == setting || s.starts_with(setting + " ");
          }) == (entry.name != plain));
  }
}

}  // namespace

TEST_CASE("every kind of the registries is a switch, set as on the command line") {
  std::set<std::string> settings;
  for (const Workload& w : find_workloads("switches")) {
    CHECK(settings.insert(w.setting).second);
    CHECK(w.vocabulary == plain_workload().vocabulary);
    CHECK(w.model.context == plain_workload().model.context);
    CHECK(w.tokens() == plain_workload().tokens());
    CHECK(w.train.clip == plain_workload().train.clip);
  }
  check_kinds<Normalizer>(settings, "model.attention.normalizer", "softmax");
  check_kinds<PositionEncoding>(settings, "model.position", "learned");
  check_kinds<Mask>(settings, "model.attention.mask", "causal");
  check_kinds<Slot>(settings, "model.attention.slot", "none");
  check_kinds<QkNorm>(settings, "model.attention.qk_norm", "none");
  check_kinds<Gate>(settings, "model.attention.gate", "none");
  check_kinds<Mlp>(settings, "model.mlp.kind", "relu");
  check_kinds<Norm>(settings, "model.norm.kind", "layer");
  check_kinds<Optimizer>(settings, "train.optimizer", "adamw");
  // Numbers change values; what changes the work has a row, by its own name or within a kind.
  const std::set<std::string> no_work = {"model.input",
                                         "model.output.kind",
                                         "model.init.kind",
                                         "model.dedicated.into",
                                         "model.position.strong.at",
                                         "model.position.scaling.truncate",
                                         "model.attention.mask.self_only_layers"};
  for (const KeyInfo& key : config_keys()) {
    const bool of_model =
        key.name.starts_with("model.") || key.name.starts_with("train.optimizer.");
    const bool option = key.allowed == "true or false" || key.type == KeyInfo::Type::choice ||
                        key.allowed.starts_with("a list of whole numbers");
    if (!of_model || !option || no_work.contains(key.name)) continue;
    const std::string block = key.name.substr(0, key.name.rfind('.')),
                      option_name = ", " + key.name.substr(key.name.rfind('.') + 1) + ":";
    CAPTURE(key.name);
    CHECK(std::ranges::any_of(settings, [&](const std::string& s) {
      return s.starts_with(key.name + "=") || s.starts_with(key.name + ".kind=") ||
             (s.starts_with(block + "={") && s.find(option_name) != std::string::npos);
    }));
  }
  // SwiGLU has three matrices where ReLU has two, so it is timed two thirds as wide.
  CHECK(settings.contains("model.mlp.kind=swiglu model.mlp.width=344"));
  CHECK(settings.contains("model.sink_tokens=1"));
}

TEST_CASE("the rows of a bench hold each op once, and their sum is the step") {
  for (const bool backcopy : {false, true}) {
    const BenchResult r = measure(tiny(backcopy), kShort);
    double sum = 0;
    for (const BenchRow& row : r.rows) {
      CAPTURE(row.name);
      CHECK(find(r, row.name) == &row);
      CHECK(row.forward_ms >= 0);
      CHECK(row.backward_ms >= 0);
      CHECK(row.around_ms >= 0);  // of "other" too: nothing is counted twice
      sum += row.total_ms();
    }
    CHECK(sum == doctest::Approx(r.ms_per_step).epsilon(1e-9));
    for (const char* name : {"embedding", "add_rows", "layer_norm", "linear", "attention",
                             "add_layer_norm", "mlp", "cross_entropy"}) {
      CAPTURE(name);
      REQUIRE(find(r, name));
      CHECK(find(r, name)->forward_ms > 0);
      CHECK(find(r, name)->backward_ms > 0);
      CHECK(find(r, name)->around_ms == 0);
      CHECK(find(r, name)->fewest_tiles > 0);
    }
    for (const char* name : {"batch", "zero_grads", "grad_norm", "optimizer", "other"}) {
      CAPTURE(name);
      REQUIRE(find(r, name));
      CHECK(find(r, name)->around_ms > 0);
      CHECK(find(r, name)->forward_ms + find(r, name)->backward_ms == 0);
    }
    CHECK(find(r, "other")->around_ms < 0.5 * r.ms_per_step);
    CHECK(r.serial_share > 0);
    CHECK(r.serial_share + r.few_tiles_share <= 1);
    CHECK(r.probe_share.has_value() == backcopy);
    CHECK(!r.torch);
    CHECK(r.arena_bytes > 0);
    CHECK(r.peak_resident_bytes > r.parameter_bytes);
    CHECK(r.optimizer_bytes == r.parameter_bytes);  // AdamW: two states beside weight and gradient
  }
}

TEST_CASE("a profile cuts time at its marks and counts the loops between them") {
  Profile profile;
  const auto loop = [](int64_t tiles) { parallel_tiles(tiles, [](int64_t) {}); };
  loop(1);  // before the start: not counted
  for (int step = 0; step < 2; ++step) {
    profile.start();
    loop(70);
    loop(5);
    profile.mark("a", Profile::forward);
    profile.mark("b", Profile::around);
    loop(9);
    profile.mark("a", Profile::backward);
    profile.stop();
    loop(3);
  }
  const auto& entries = profile.entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].loops.tiles == 150);
  CHECK(entries[0].loops.fewest == 5);
  CHECK(entries[0].loops.few_seconds > 0);
  CHECK(entries[0].loops.few_seconds < entries[0].loops.seconds);
  CHECK(entries[0].loops.seconds <= entries[0].seconds);
  CHECK(entries[1].name == "b");
  CHECK(entries[1].loops.tiles == 0);
  CHECK(entries[2].loops.tiles == 18);
  CHECK(entries[2].loops.few_seconds == entries[2].loops.seconds);
}

TEST_CASE("a bench in JSON has every figure by its name") {
  const BenchResult r = measure(tiny(true), {.rounds = 1, .round_seconds = 0});
  const auto json = result_of(r);
  CHECK(json["workload"] == "bb");
  CHECK(json["rounds"] == 1);
  CHECK(json["context"] == 24);
  for (const char* name : {"layers",
                           "heads",
                           "width",
                           "mlp_width",
                           "vocabulary",
                           "batch",
                           "threads",
                           "steps_per_round",
                           "ms_per_step",
                           "tokens_per_second",
                           "useful_flops_per_token",
                           "useful_gflops",
                           "picoseconds_per_useful_flop",
                           "peak_gflops",
                           "share_of_peak",
                           "parameter_bytes",
                           "optimizer_bytes",
                           "arena_bytes",
                           "peak_resident_bytes",
                           "probe_ms",
                           "probe_share",
                           "serial_share"}) {
    CAPTURE(name);
    REQUIRE(json.contains(name));
    CHECK(json[name].get<double>() > 0);
  }
  CHECK(json["few_tiles_share"].is_number());
  REQUIRE(json["rows"].size() == r.rows.size());
  for (size_t i = 0; i < r.rows.size(); ++i) {
    CHECK(json["rows"][i]["name"] == r.rows[i].name);
    for (const char* name :
         {"forward_ms", "backward_ms", "around_ms", "fewest_tiles", "microseconds_per_tile"})
      CHECK(json["rows"][i][name].is_number());
  }
}

TEST_CASE("waiver bench prints a table, writes JSON and refuses what it does not know") {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "bench.json").string();
  const Ended ended = run_program(
      {"bench", "bb", "--batch", "1", "--rounds", "1", "--round-seconds", "0", "--json", file});
  CAPTURE(ended.output);
  CHECK(ended.status == 0);
  CHECK(ended.output.find("cross_entropy") != std::string::npos);
  const auto json = nlohmann::json::parse(file_text(file));
  CHECK(json["machine"].contains("processor"));
  REQUIRE(json["results"].size() == 2);
  CHECK(json["results"][0]["batch"] == 1);
  CHECK(json["results"][0]["precision"] == "float32");
  CHECK(json["results"][1]["precision"] == "bfloat16");
  CHECK(json["results"][1]["plain_ratio"] > 0);

  const Ended unknown = run_program({"bench", "bb", "huge"});
  CHECK(unknown.status == 2);
  CHECK(unknown.output ==
        "huge: there is no such workload. Known are small, bb, lm, gu60m, long, switches.\n");
  CHECK(run_program({"bench", "--rounds", "0"}).status == 2);
}

TEST_CASE("a switch is timed against the plain step") {
  BenchOptions options;
  options.rounds = 1;
  options.round_seconds = 0;
  Workload w = find_workloads("switches").front();
  w.train.batch = 1;
  const BenchResult r = measure(w, options);
  REQUIRE(r.plain_ratio.has_value());
  CHECK(*r.plain_ratio > 0);
  CHECK(result_of(r)["plain_ratio"] == *r.plain_ratio);
  CHECK(result_of(r)["setting"] == w.setting);
  CHECK_FALSE(result_of(measure(find_workloads("bb").front(), options)).contains("plain_ratio"));
}
