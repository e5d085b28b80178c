// What a config takes, as `waiver plan` tells it.
#include <nlohmann/json.hpp>

#include "config/config.h"
#include "model/flops.h"
#include "model/transformer.h"
#include "run/plan/scaling.h"
#include "run/start_weights.h"
#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

TEST_CASE("a plan names parameters, compute, memory and time, and writes nothing") {
  const Runs runs;
  const auto entries = [&] {
    return std::distance(fs::directory_iterator(fs::path(runs.config()).parent_path()),
                         fs::directory_iterator());
  };
  const auto before = entries();
  const Ended text = run_program({"plan", runs.config(), "--seconds", "0"});
  INFO(text.output);
  REQUIRE(text.status == 0);
  for (const char* row : {"\nmodel ", "\ncompute ", "\nmemory ", "\nstep ", "\nrun "})
    CHECK(contains(text.output, row));
  const Ended ended = run_program({"plan", runs.config(), "--seconds", "0", "--json"});
  REQUIRE(ended.status == 0);
  const auto json = nlohmann::json::parse(ended.output);
  const Config config = load_config(runs.config(), {});
  const auto data = open_training_data(config);
  const double flops = useful_flops_per_token(config.model, data->vocabulary());
  CHECK(json["flops_a_token"] == flops);
  CHECK(json["flops_a_step"] == flops * 6 * 70);
  CHECK(json["parameters"] ==
        Transformer(config.model, data->vocabulary(), 0).parameters().count());
  const auto& seconds = json["seconds"];
  CHECK(seconds["step"] > 0);
  CHECK(seconds["training"] == seconds["step"].get<double>() * 60);
  CHECK(seconds["run"].get<double>() ==
        doctest::Approx(seconds["training"].get<double>() + seconds["probes"].get<double>() +
                        seconds["validation"].get<double>()));
  int64_t sum = 0;
  for (const auto& [part, bytes] : json["memory"].items())
    if (part != "total") sum += bytes.get<int64_t>();
  CHECK(json["memory"]["total"] == sum);
  CHECK(entries() == before);
}

TEST_CASE(
    "what threads and ranks would give is simulated from tiles, and what they send is counted") {
  Work work;
  work.loops = {{64, 2, 6.4}, {3, 1, 0.3}};  // measured by one thread: .1 s a tile, and .05
  work.outside = 1;
  CHECK(work.seconds() == doctest::Approx(7.7));
  CHECK(simulated_seconds(work, 1, 1, 1) == doctest::Approx(7.7));
  CHECK(simulated_seconds(work, 1, 2, 1) == doctest::Approx(1 + 3.2 + 0.2));
  CHECK(simulated_seconds(work, 1, 64, 1) == doctest::Approx(1 + 0.1 + 0.1));
  CHECK(simulated_seconds(work, 1, 128, 1) == doctest::Approx(1 + 0.1 + 0.1));
  CHECK(simulated_seconds(work, 1, 1, 0.25) == doctest::Approx(1 + 1.6 + 0.1));
  CHECK(simulated_seconds(work, 2, 2, 1) == doctest::Approx(7.7));

  const Runs runs;
  const Ended ended = run_program({"plan", runs.config(), "train.accumulate=1", "--seconds", "0",
                                   "--ranks", "1,2,3,16", "--simulate-threads", "1,64", "--latency",
                                   "10", "--bandwidth", "0.001", "--threads", "1", "--json"});
  REQUIRE(ended.status == 0);
  const auto json = nlohmann::json::parse(ended.output);
  const auto& all = json["simulated"];
  REQUIRE(all.size() == 8);
  for (const auto& s : all) {
    CAPTURE(s.dump());
    const int64_t ranks = s["ranks"];
    CHECK(s["seconds"].get<double>() ==
          doctest::Approx(s["passes"].get<double>() + s["rest"].get<double>() +
                          s["exchange"].get<double>()));
    CHECK(s["memory"] > 0);
    if (ranks == 1) CHECK(s["exchange"] == 0);
    // 6 sequences are 4 parts: 3 ranks hold 1, 1 and 2 of them, which make 3 sums.
    if (ranks == 3) CHECK(s["sums"] == 3);
    if (ranks == 16) CHECK(s["sums"] == 4);
    CHECK(s["busy"] == std::min<int64_t>(ranks, 4));
    // Rank 0 also logs and saves.
    if (ranks > 1) CHECK((s["others"] > 0 && s["others"] < s["memory"]));
    // Bytes over 1 MB/s; a pass, the losses, the norm and the weights at 10 µs.
    if (ranks > 1)
      CHECK(s["exchange"].get<double>() ==
            doctest::Approx(s["sent"].get<double>() / 1e6 + 4 * 10e-6).epsilon(1e-9));
  }
  CHECK(all[0]["seconds"].get<double>() == doctest::Approx(json["seconds"]["step"]).epsilon(0.9));
  for (const char* option : {"--ranks", "--simulate-threads"})
    refuses(run_program({"plan", runs.config(), option, "0"}), "each of these numbers");
}

TEST_CASE("a run whose first steps fail has no plan") {
  const Runs runs;
  const Ended ended = run_program({"plan", runs.config(), "--seconds", "0", "train.clip=0",
                                   "train.optimizer.lr=1e30", "--threads", "1"});
  CHECK(ended.status == 1);
  CHECK(ended.output.find("NaN or infinity") != std::string::npos);
}

TEST_CASE("recompute takes less memory, by plan") {
  const Runs runs;
  const auto activations = [&](const char* recompute) {
    const Ended ended = run_program(
        {"plan", runs.config(), "model.layers=12", "--seconds", "0", "--json", recompute});
    REQUIRE(ended.status == 0);
    return nlohmann::json::parse(ended.output)["memory"]["activations"].get<int64_t>();
  };
  CHECK(3 * activations("train.recompute=true") < activations("train.recompute=false"));
}

TEST_CASE("what cannot be trained is refused before anything is measured") {
  const Runs runs;
  refuses(run_program({"plan", runs.config(), "model.width=65536", "model.layers=40"}),
          "does not fit into memory");
  refuses(run_program({"plan", runs.config(), "model.heads=3"}), "model.heads");
  refuses(run_program({"plan", runs.config(), "data={kind: text, path: /nowhere}"}), "data.path");
  refuses(run_program({"plan", "/nowhere.yaml"}), "/nowhere.yaml");
}

TEST_CASE("useful FLOPs leave out what a model lacks, and count both sides of a query") {
  ModelConfig model;
  model.layers = 3;
  model.heads = 2;
  model.width = 8;
  model.context = 10;
  model.mlp.width = 16;
  const double attention = 4 * 8 * 8, mlp = 2 * 8 * 16, keys = 10 * 8, output = 8 * 7;
  CHECK(useful_flops_per_token(model, 7) == 6 * (3 * (attention + mlp + keys) + output));
  model.attention.absent = {0};
  model.mlp.absent = {1, 2};
  CHECK(useful_flops_per_token(model, 7) == 6 * (2 * (attention + keys) + mlp + output));
  model.attention.mask.set("bidirectional");
  CHECK(useful_flops_per_token(model, 7) == 6 * (2 * (attention + 2 * keys) + mlp + output));
  model.output.kind = OutputKind::hidden;
  CHECK(useful_flops_per_token(model, 7) == 6 * (2 * (attention + 2 * keys) + mlp));
}
