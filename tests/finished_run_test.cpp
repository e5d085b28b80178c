// What is done with finished runs of every kind of data, by the program itself.
#include <nlohmann/json.hpp>

#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

TEST_CASE("eval and sample work on a run and on a checkpoint, the same each time") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const std::string checkpoint = (runs.at("run") / "checkpoints" / "step-00000060").string();
  const Ended first = run_program({"eval", runs.at("run").string()});
  CHECK(first.status == 0);
  CHECK(first.output.find("backcopy_risk") != std::string::npos);
  CHECK(run_program({"eval", checkpoint}).output == first.output);
  const Ended text = run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40"});
  CHECK(text.status == 0);
  CHECK(text.output.starts_with("the"));
  CHECK(text.output.size() >= 44);
  CHECK(run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40"}).output ==
        text.output);
  CHECK(run_program({"sample", checkpoint, "--prompt", "the", "--tokens", "40", "--seed", "1"})
            .output != text.output);
  CHECK(run_program({"sample", checkpoint, "--prompt", "é"}).status == 2);
  CHECK(run_program({"eval", runs.at("none").string()}).status == 2);
}

TEST_CASE("eval evicts from the cache, and prints the same other losses as without") {
  const Runs runs;
  REQUIRE(
      runs.train("rope", {"model.position=rope", "train.steps=20", "probe.snapshots=[]"}).status ==
      0);
  REQUIRE(runs.train("learned", {"train.steps=20", "probe.snapshots=[]"}).status == 0);
  const auto eval = [&](const std::string& run, std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", runs.at(run).string()});
    return run_program(std::move(more));
  };
  const auto has = [](const Ended& ended, const std::string& text) {
    INFO(ended.output);
    CHECK(ended.output.find(text) != std::string::npos);
  };
  const std::string plain = eval("rope", {}).output;
  const Ended kept = eval("rope", {"--window", "8", "--keep", "5,0", "--reindex"});
  CHECK(kept.status == 0);
  CHECK(kept.output.starts_with(plain));
  for (const char* part :
       {"positions are ranks within it", "queries 8 … 69", "window 8 and 0, 5", "at random"})
    has(kept, part);
  CHECK(eval("rope", {"--threads", "1", "--window", "8", "--keep", "5,0", "--reindex"}).output ==
        kept.output);
  // The list ends with its word, so an override may follow it.
  const Ended moved = eval("rope", {"--window", "8", "--keep", "5",
                                    "model.attention.mask.self_only=[5]", "--threads=1"});
  CHECK(moved.status == 0);
  has(moved, "window 8 and 5");
  CHECK(moved.output.find(plain) == std::string::npos);
  has(eval("rope", {"--window", "8", "--keep-first", "4", "--context", "100"}), "queries 8 … 99");

  const auto refused = [&](const std::string& run, std::vector<std::string> more,
                           const std::string& why) {
    const Ended ended = eval(run, std::move(more));
    CHECK(ended.status == 2);
    has(ended, why);
  };
  refused("rope", {"--window", "0"}, "window: 0 tokens are too few");
  refused("rope", {"--keep", "0"}, "--window");
  refused("rope", {"--reindex"}, "--window");
  refused("rope", {"--window", "8", "--keep", "70"}, "keep: position 70 is outside the text");
  refused("learned", {"--window", "8", "--reindex"}, "reindex: learned adds positions");
  refused("learned", {"--context", "71"}, "model.context: 71 is more than the 70");
  refused("rope", {"--window", "8", "model.attention.mask=bidirectional"},
          "every query sees the next token");
}

TEST_CASE("masked_token runs, resumes to the same bits, is evaluated, and cannot write") {
  const Runs runs;
  check_promises(
      runs, {"train.objective=masked_token", "model.attention.mask=bidirectional", "data.last=1"});

  const Ended eval = run_program({"eval", runs.at("one").string()});
  CHECK(eval.status == 0);
  CHECK(eval.output.find("backcopy_risk") != std::string::npos);
  const Ended sample = run_program({"sample", runs.at("one").string(), "--prompt", "the"});
  CHECK(sample.status == 2);
  CHECK(sample.output.find("a model of train.objective masked_token predicts masked tokens") !=
        std::string::npos);

  CHECK(runs.train("causal", {"train.objective=masked_token", "train.steps=1", "probe.snapshots=[]",
                              "train.schedule.warmup=0"})
            .output.find("masked tokens are predicted only from the tokens before them") !=
        std::string::npos);
}

TEST_CASE("a separator may be any token of the data, and no other") {
  const Runs runs;
  const auto check = [&](const std::string& separator, std::vector<std::string> more = {}) {
    std::vector<std::string> command = {"config", "check", runs.config(),
                                        "model.attention.mask.separator=" + separator};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  };
  CHECK(check("66").status == 0);
  const Ended beyond = check("67");
  CHECK(beyond.status == 2);
  CHECK(beyond.output ==
        "override model.attention.mask.separator=67: model.attention.mask.separator: 67 is not a "
        "token id of this data. Ids go up to 66; -1: one document.\n");
  CHECK(check("67", {"data.last=1"}).status == 0);
  CHECK(check("67", {"train.objective=masked_token"}).status == 2);  // that hides tokens
}

TEST_CASE("real-valued data runs, resumes to the same bits, is evaluated, and cannot write") {
  const Runs runs;
  check_promises(runs,
                 {"data=trigger_average", "train.objective=regression", "model.input=features",
                  "model.width=16", "model.residual=false", "model.sink_tokens=1"});
  const auto series = logged(runs.at("one"));
  for (const char* name : {"probe/max_error", "probe/loss", "probe/bos_attention",
                           "probe/added_attention", "probe/added_sink_rate"})
    CHECK(series.contains(name));
  CHECK_FALSE(series.contains("probe/backcopy_risk"));
  CHECK(Log::open(runs.at("one") / "log.h5").spec("eval", "loss").units == "1");

  const Ended eval = run_program({"eval", runs.at("one").string()});
  CHECK(eval.status == 0);
  CHECK(eval.output.find("max_error") != std::string::npos);
  CHECK(eval.output.find(" nat") == std::string::npos);
  const Ended sample = run_program({"sample", runs.at("one").string(), "--prompt", "1"});
  CHECK(sample.status == 2);
  CHECK(sample.output.find("a model of real-valued features has no tokens to generate") !=
        std::string::npos);
}
