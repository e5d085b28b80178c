// Training that begins with the weights of a checkpoint (train.from), by the program itself.
#include "core/files/files.h"
#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

const char* const kSteady = "train.schedule=constant";

struct Started : Runs {
  std::string from = (at("base") / "checkpoints/step-00000020").string();

  Started() {
    const Ended base = train("base", {"train.steps=20", kSteady});
    INFO(base.output);
    REQUIRE(base.status == 0);
  }
  Ended start(const std::string& name, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train.from=" + from, kSteady, "seed.init=9"});
    return train(name, more);
  }
};

}  // namespace

TEST_CASE("a run begins with the weights that it is given, and with a fresh optimizer") {
  const Started runs;
  const Ended ended =
      runs.start("b", {"train.steps=10", "train.checkpoint={every: 10, at: [0], keep: 0}",
                       "model.attention.mask.kind=bidirectional",
                       "train.objective={kind: masked_token, token: 66}"});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  CHECK(contains(ended.output, "Beginning with the weights of "));
  CHECK(weights(runs.at("b"), 0) == weights(runs.at("base"), 20));
  CHECK(weights(runs.at("b"), 10) != weights(runs.at("base"), 20));
  // The first update of another seed's batch, but of no moments: as of a run that begins anew.
  REQUIRE(runs.start("c", {"train.steps=1"}).status == 0);
  REQUIRE(runs.train("base", {"train.steps=21", kSteady, "--resume"}).status == 0);
  CHECK(weights(runs.at("c"), 1) != weights(runs.at("base"), 21));
}

TEST_CASE("it has the same bits whether it was interrupted or not, and needs the same weights") {
  const Started runs;
  REQUIRE(runs.start("whole", {"train.steps=20"}).status == 0);
  REQUIRE(runs.start("parts", {"train.steps=10"}).status == 0);
  REQUIRE(runs.start("parts", {"train.steps=20", "--resume"}).status == 0);
  CHECK(weights(runs.at("parts"), 20) == weights(runs.at("whole"), 20));
  // A run that was killed before its first checkpoint begins with these weights again.
  REQUIRE(runs.start("killed", {"train.steps=20", "train.checkpoint.every=0"}).status == 0);
  fs::remove_all(runs.at("killed") / "checkpoints");
  REQUIRE(runs.start("killed", {"train.steps=20", "train.checkpoint.every=0", "--resume"}).status ==
          0);
  CHECK(weights(runs.at("killed"), 20) == weights(runs.at("whole"), 20));
  // Trained models are looked at without them.
  fs::rename(runs.at("base"), runs.at("moved"));
  CHECK(run_program({"eval", runs.at("whole").string()}).status == 0);
  refuses(runs.start("parts", {"train.steps=30", "--resume"}), "is no checkpoint");
  // Other weights are refused in their place.
  REQUIRE(runs.train("base", {"train.steps=20", kSteady, "seed.init=5"}).status == 0);
  refuses(runs.start("parts", {"train.steps=30", "--resume"}), "is not what");
}

TEST_CASE("what cannot be begun with is refused before there is a file") {
  const Started runs;
  refuses(runs.train("a", {"train.from=" + runs.at("nowhere").string()}), "is no checkpoint");
  refuses(runs.train("a", {"train.from=" + runs.at("base").string()}),
          "is no checkpoint. It is a run: name one of its checkpoints, such as " + runs.from);
  for (const char* other : {"model.width=32", "model.position=rope", "model.heads=4",
                            "model.context=60", "model.mlp.kind=gelu"})
    refuses(runs.start("a", {other}), "is of another model: it has ");
  refuses(runs.start("a", {"data.last=1"}), "training cannot begin with");  // another vocabulary
  refuses(
      run_program({"config", "check", runs.config(), "model.width=32", "train.from=" + runs.from}),
      "is of another model");
  CHECK(!fs::exists(runs.at("a")));
  // Its own folder would be cleared first.
  refuses(runs.start("base", {"--overwrite"}), "is in the folder of this run itself");
  CHECK(weights(runs.at("base"), 20).size() > 0);
  const std::string torn = runs.at("torn").string();
  fs::copy(runs.from, torn, fs::copy_options::recursive);
  fs::resize_file(runs.at("torn") / "model.safetensors", 200);
  refuses(runs.train("a", {"train.from=" + torn}), "training cannot begin with");
  CHECK(!fs::exists(runs.at("a")));
}

TEST_CASE("the tokens of the checkpoint are those of the data") {
  const Runs runs;
  const auto on = [&](const std::string& name, const std::string& text, const std::string& from) {
    put_bytes(runs.at(name + ".txt"), text);
    std::vector<std::string> more = {
        "train.steps=2", "probe.snapshots=[]",
        "data={kind: text, path: " + runs.at(name + ".txt").string() + "}"};
    if (!from.empty()) more.push_back("train.from=" + from);
    return runs.train(name, more);
  };
  std::string small, large;
  for (int i = 0; i < 200; ++i) {
    small += "abcdef ";
    large += "ABCDEF ";
  }
  REQUIRE(on("small", small, "").status == 0);
  const std::string from = (runs.at("small") / "checkpoints/step-00000002").string();
  CHECK(on("again", small + small, from).status == 0);
  refuses(on("large", large, from), "its tokens are not those of " + from);
  CHECK(!fs::exists(runs.at("large")));
}
