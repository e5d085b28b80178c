// probe.context: probes of the first tokens of each sequence.
#include "data/objective.h"
#include "data/wrapped/shortened.h"
#include "datasets.h"
#include "distance.h"
#include "inspect/saved.h"
#include "probe/prober.h"
#include "runs.h"

using namespace waiver;

namespace {

constexpr int64_t kWhole = 24, kShort = 9;

}  // namespace

TEST_CASE("a shorter probe sequence is the beginning of the whole one, of any kind of data") {
  for (const char* kind : {"bigram_backcopy", "bigram_backcopy_random", "nop", "unigram"}) {
    CAPTURE(kind);
    const auto whole = open_data(kind, kWhole);
    const auto cut = with_short_probes(open_data(kind, kWhole), kWhole);
    for (const Split split : {Split::probe, Split::validation}) {
      const Batch all = batch_of(*whole, 5, kWhole, 0, split);
      const Batch part = batch_of(*cut, 5, split == Split::probe ? kShort : kWhole, 0, split);
      const int64_t F = whole->features();
      REQUIRE(std::ssize(part.inputs) == 5 * part.tokens);
      REQUIRE(std::ssize(part.features) == 5 * part.tokens * F);
      for (int64_t n = 0; n < 5 * part.tokens; ++n) {
        const int64_t at = n / part.tokens * kWhole + n % part.tokens;
        CHECK(part.inputs[n] == all.inputs[at]);
        CHECK(part.targets[n] == all.targets[at]);
        for (int64_t c = 0; c < F; ++c) {
          CHECK(part.features[n * F + c] == all.features[at * F + c]);
          CHECK(part.answers[n * F + c] == all.answers[at * F + c]);
        }
      }
    }
  }
}

TEST_CASE("masked tokens are cut with the rest") {
  const auto data = with_short_probes(
      Kind<Objective>("masked_token")->apply(open_data("bigram_backcopy_random", kWhole), 0),
      kWhole);
  const Batch all = batch_of(*data, 4, kWhole, 0, Split::probe);
  const Batch part = batch_of(*data, 4, kShort, 0, Split::probe);
  REQUIRE(std::ssize(part.whole) == 4 * kShort);
  for (int64_t n = 0; n < 4 * kShort; ++n)
    CHECK(part.whole[n] == all.whole[n / kShort * kWhole + n % kShort]);
}

TEST_CASE("the early queries of a causal model attend as in whole sequences") {
  ModelConfig m;
  m.width = 16;
  m.context = kWhole;
  m.mlp.width = 24;
  const auto data = with_short_probes(open_data("bigram_backcopy", kWhole), kWhole);
  const Transformer model(m, data->vocabulary(), 1);
  ProbeConfig probe;
  probe.batch = 3;
  Prober whole(model, *data, probe, 0);
  probe.context = kShort;
  Prober part(model, *data, probe, 0);
  whole.measure(true);
  part.measure(true);
  CHECK(part.tokens() == kShort);
  const std::vector<float>&all = *whole.snapshot()[1].second, &cut = *part.snapshot()[1].second;
  REQUIRE(std::ssize(cut) == m.layers * m.heads * kShort * kShort);
  // The same numbers, summed in another order by products of another shape.
  for (int64_t map = 0; map < m.layers * m.heads; ++map)
    for (int64_t i = 0; i < kShort; ++i)
      for (int64_t k = 0; k < kShort; ++k)
        CHECK(cut[(map * kShort + i) * kShort + k] ==
              doctest::Approx(all[(map * kWhole + i) * kWhole + k]).epsilon(1e-5));
  // Received attention is that of these queries alone.
  double alpha = 0;
  for (int64_t i = 1; i < kShort; ++i) alpha += all[i * kWhole] / (kShort - 1.0);
  CHECK(part.value("received_attention")[0] == doctest::Approx(alpha).epsilon(1e-5));
}

TEST_CASE("a run logs what its probes look at, and so does whatever looks at it later") {
  const Runs runs;
  const std::vector<std::string> kept = {"probe.context=12", "train.steps=20",
                                         "train.schedule=constant", "probe.snapshots=[20]",
                                         "probe.mechanism=[20]"};
  const Ended ended = runs.train("short", kept);
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  std::vector<std::string> more = kept;
  more[0] = "probe.context=0";
  REQUIRE(runs.train("whole", more).status == 0);
  CHECK(weights(runs.at("short"), 20) == weights(runs.at("whole"), 20));
  const Log log = Log::open(runs.at("short") / "log.h5");
  CHECK(log.read("probe", "received_attention").shape.back() == 12);
  CHECK(log.read("snapshot", "pattern").shape.back() == 12);

  const std::string at = runs.at("short").string(), out = runs.at("probe.h5").string();
  const Ended probed = run_program({"probe", at, "--out", out});
  INFO(probed.output);
  REQUIRE(probed.status == 0);
  CHECK(contains(probed.output, "3 sequences of 12"));
  const Log own = Log::open(out);
  const int64_t last = std::ssize(log.steps("probe")) - 1;
  for (const char* name : {"received_attention", "enrichment", "value_ratio", "loss"})
    CHECK(same_numbers(own.read("probe", name).values,
                       log.read_rows("probe", name, last, last + 1).values));
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"probe", at, "--mechanism"},
        {"probe", at, "--maps"},
        {"probe", at, "--capture", runs.at("pass.h5").string()},
        {"eval", at},
        {"report", at},
        {"intervene", at, WAIVER_SOURCE_DIR "/experiments/interventions/value.yaml"},
        // A text of one's own is looked at whole.
        {"probe", at, "--text", "the cat sat on the mat"}}) {
    const Ended looked = run_program(verb);
    INFO(looked.output);
    CHECK(looked.status == 0);
  }
}

TEST_CASE("a probe needs two tokens, no more than there are, and something to predict") {
  const Runs runs;
  refuses(runs.train("x", {"probe.context=1"}), "probe.context: 1 is not between 2 and");
  refuses(runs.train("x", {"probe.context=71"}), "71 is not between 2 and model.context (70)");
  refuses(runs.train("x", {"probe.context=20", "model.attention.mask={kind: causal, prefix: 30}"}),
          "probe.context: nothing is predicted in the first 20 tokens");
  CHECK(!std::filesystem::exists(runs.at("x")));
}

TEST_CASE("which tokens are masked differs between sequences, and one with a target is enough") {
  const Runs runs;
  const Ended ended =
      runs.train("x", {"probe.context=4", "probe.batch=16", "model.attention.mask=bidirectional",
                       "train.objective=masked_token", "train.steps=1", "train.schedule=constant"});
  INFO(ended.output);
  CHECK(ended.status == 0);
}
