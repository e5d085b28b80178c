// `waiver probe`, tried on the program itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <sstream>

#include "distance.h"
#include "inspect/saved.h"
#include "probe/mechanism/mechanism.h"
#include "probe/mechanism/series.h"
#include "probe/prober.h"
#include "program.h"
#include "run/log_file.h"
#include "temporary.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

const std::string kConfig = R"(
model: {layers: 3, heads: 2, width: 16, context: 24, mlp: {width: 24}, attention: {absent: [1]}}
data: {kind: bigram_backcopy}
train: {steps: 4, batch: 6, eval: {every: 0, batches: 1}}
probe: {every: 4, first: [], batch: 3, waiver: {received_attention: 0.05, enrichment: 0.5}}
)";

/// A trained run in a folder of its own.
class TrainedRun {
 public:
  explicit TrainedRun(std::vector<std::string> more = {}) {
    put_bytes(folder_ / "tiny.yaml", kConfig);
    std::vector<std::string> command = {"train", path("tiny.yaml"), "--out", path("run")};
    command.insert(command.end(), more.begin(), more.end());
    const Ended ended = run_program(command);
    INFO(ended.output);
    REQUIRE(ended.status == 0);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  int64_t entries() const { return folder_.entries(); }
  Ended probe(std::vector<std::string> more) const {
    more.insert(more.begin(), {"probe", path("run")});
    return run_program(more);
  }

 private:
  TemporaryFolder folder_;
};

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

}  // namespace

TEST_CASE("probe writes every series of a trained model, and prints heads, layers and losses") {
  const TrainedRun run;
  const Ended ended = run.probe({"--out", run.path("probe.h5")});
  INFO(ended.output);
  REQUIRE(ended.status == 0);

  const SavedModel saved = load_saved(run.path("run"), {}, {});
  Prober prober(*saved.model, *saved.data, saved.config.probe, 0, When::on_demand);
  prober.measure();
  const Log log = Log::open(run.path("probe.h5")), own = Log::open(run.path("run/log.h5"));
  CHECK(log.steps("probe") == std::vector<int64_t>{4});
  int in_training = 0;
  for (const SeriesSpec& spec : prober.series()) {
    CAPTURE(spec.name);
    CHECK(same_numbers(log.read("probe", spec.name).values, prober.value(spec.name)));
    CHECK(log.spec("probe", spec.name).description == spec.description);
    if (!own.has("probe", spec.name)) continue;
    ++in_training;
    CHECK(same_numbers(own.read_rows("probe", spec.name, 1, 2).values, prober.value(spec.name)));
  }
  CHECK(in_training > 15);
  CHECK(in_training < std::ssize(prober.series()));
  CHECK(log.strings("probe", "tokens")[0] == "<s>");

  // The table says what the file says: head 2.1 and its strongest key.
  const auto alpha = log.read("probe", "received_attention").values;
  const double* head = &alpha[(2 * 2 + 1) * 24];
  const auto key = std::max_element(head, head + 18) - head;
  const size_t at = ended.output.find("\n2.1 ");
  REQUIRE(at != std::string::npos);
  const auto cells = words(ended.output.substr(at, ended.output.find('\n', at + 1) - at));
  CHECK(cells[1] == std::to_string(key));
  CHECK(std::stod(cells[cells[2] == "\"" ? 4 : 3]) == doctest::Approx(head[key]).epsilon(1e-2));
  const double score = log.read("probe", "waiver_score").values[(2 * 2 + 1) * 24 + key];
  const std::string verdict = score == 2 ? "waiver" : score == 1 ? "only" : "neither";
  CHECK(cells.back() == verdict);
  for (const char* part : {"1.0      no attention", "gradient kurtosis", "backcopy_risk",
                           "(step 4)", "3 sequences of 24, tokens natural, bos keep"})
    CHECK_MESSAGE(contains(ended.output, part), part);
}

// A window of one token: no key is seen by another query, so that α, E and Δlogit are undefined.
TEST_CASE(
    "a model in which nothing attends to others is trained, probed and changed all the same") {
  const TrainedRun run({"model.attention.mask.window=1", "data.triggers=3"});
  const Log log = Log::open(run.path("run/log.h5"));
  for (const double key : log.read("summary", "waiver_key").values) CHECK(key == -1);
  CHECK_FALSE(log.has("summary", "event_step"));
  CHECK_FALSE(contains(file_text(run.path("run/train.log")), "attention"));
  const Ended ended = run.probe({});
  INFO(ended.output);
  CHECK(ended.status == 0);
  CHECK(contains(ended.output, "every query sees itself alone"));
  CHECK_FALSE(contains(ended.output, "nan"));
  put_bytes(fs::path(run.path("spec.yaml")),
            "positions: {waiver: 0}\narms:\n  - name: zero\n    edits:\n"
            "      - {at: blocks.*.attn.v, edit: zero, positions: [waiver]}\n");
  const Ended changed = run_program({"intervene", run.path("run"), run.path("spec.yaml")});
  INFO(changed.output);
  CHECK(changed.status == 0);
  CHECK_FALSE(contains(changed.output, "nan"));
}

TEST_CASE("a sequence of two tokens has the waiver at the first, whose α alone is defined") {
  const TrainedRun run({"model.context=2"});
  const Log log = Log::open(run.path("run/log.h5"));
  CHECK(log.read("summary", "waiver_key").values == std::vector<double>{0, 0, -1, -1, 0, 0});
  CHECK(run.probe({}).status == 0);
}

TEST_CASE("probe gives the same bytes at any thread count, and other tokens give other numbers") {
  const TrainedRun run;
  for (const auto& [name, threads] : {std::pair("one", "1"), {"two", "2"}, {"four", "4"}})
    REQUIRE(run.probe({"--out", run.path(name), "--threads", threads}).status == 0);
  CHECK(file_text(run.path("one")) == file_text(run.path("two")));
  CHECK(file_text(run.path("one")) == file_text(run.path("four")));
  const auto loss = [&](const char* tokens, const char* bos) {
    const Ended ended =
        run.probe({"--out", run.path("other"), "--overwrite", "--tokens", tokens, "--bos", bos});
    REQUIRE(ended.status == 0);
    return Log::open(run.path("other")).read("probe", "loss").values[0];
  };
  std::set<double> losses;
  for (const char* tokens : {"natural", "random"})
    for (const char* bos : {"keep", "drop"}) losses.insert(loss(tokens, bos));
  CHECK(losses.size() == 4);
  CHECK(losses.contains(Log::open(run.path("one")).read("probe", "loss").values[0]));
}

TEST_CASE("probe replaces a file only when told to, and writes none without --out") {
  const TrainedRun run;
  const int64_t before = run.entries();
  REQUIRE(run.probe({}).status == 0);
  CHECK(run.entries() == before);
  put_bytes(run.path("taken"), "something");
  const Ended refused = run.probe({"--out", run.path("taken")});
  CHECK(refused.status == 2);
  CHECK(
      contains(refused.output, "taken: the file is there already. --overwrite replaces it, --out"));
  CHECK(file_text(run.path("taken")) == "something");
  CHECK(run.probe({"--out", run.path("taken"), "--overwrite"}).status == 2);  // nor then
  CHECK(file_text(run.path("taken")) == "something");
  REQUIRE(run.probe({"--out", run.path("own")}).status == 0);
  CHECK(run.probe({"--out", run.path("own")}).status == 2);
  CHECK(run.probe({"--out", run.path("own"), "--overwrite"}).status == 0);
  CHECK_NOTHROW(Log::open(run.path("own")));
  CHECK(run.probe({"--out", run.path("run"), "--overwrite"}).status == 2);  // a folder
}

TEST_CASE("the mechanism is printed and written, and refuses what it would not heed") {
  const TrainedRun run;
  const Ended ended = run.probe({"--mechanism", "--out", run.path("probe.h5")});
  INFO(ended.output);
  REQUIRE(ended.status == 0);
  CHECK(contains(ended.output, "selected by"));
  const Log log = Log::open(run.path("probe.h5"));
  for (const Hypothesis& h : hypotheses()) {
    CHECK(contains(ended.output, h.claim));
    CHECK(log.has("mechanism", std::string(h.id)));
  }
  // Under the names of the series, as in log.h5, and what is none under the hypothesis.
  CHECK(log.steps("mechanism") == log.steps("probe"));
  for (const SeriesSpec& spec : mechanism_series()) CHECK(log.has("mechanism", spec.name));
  CHECK(log.has("mechanism", "W2_control_rho"));
  CHECK_FALSE(log.has("mechanism", "W2_rho"));
  const Ended random = run.probe({"--mechanism", "--tokens", "random"});
  CHECK(random.status == 2);
  CHECK(contains(random.output, "Omit --tokens and --bos."));
}

TEST_CASE("probe refuses bad input, and leaves nothing behind") {
  const TrainedRun run({"data.first=0"});
  const int64_t before = run.entries();
  const std::string out = run.path("probe.h5");
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--tokens", "noise"}, "--tokens"},
      {{"--bos", "maybe"}, "--bos"},
      {{"--bos", "drop"}, "bos: there is none to drop"},
      {{"probe.batch=0"}, "probe.batch"},
      {{"probe.bach=3"}, "Did you mean probe.batch?"},
      {{"model.width=32"}, "model.safetensors"}};
  for (const auto& [more, message] : cases) {
    auto arguments = more;
    arguments.insert(arguments.end(), {"--out", out});
    const Ended ended = run.probe(arguments);
    CAPTURE(ended.output);
    CHECK(ended.status != 0);
    CHECK(contains(ended.output, message));
    CHECK(run.entries() == before);
  }
  const Ended nowhere = run.probe({"--out", run.path("no/probe.h5")});
  CHECK(nowhere.status == 2);
  CHECK(contains(nowhere.output, "there is no such folder"));
  const Ended missing = run_program({"probe", run.path("nothing"), "--out", out});
  CHECK(missing.status == 2);
  CHECK(contains(missing.output, "there is no such run or checkpoint"));
  CHECK(run_program({"probe"}).status == 2);
  CHECK(run.entries() == before);
}

TEST_CASE("probe measures models of features, of sink tokens and of weights that are not shares") {
  const TemporaryFolder folder;
  const std::string small = "layers: 1, width: 8, context: 12, ",
                    few = "train: {steps: 1, batch: 2";
  const std::pair<std::string, const char*> cases[] = {
      {"model: {" + small +
           "input: features, position: none, mlp: {kind: none}, norm: {kind: none}}\n" +
           "data: {kind: trigger_average, features: 8}\n" + few + ", objective: regression}\n",
       "max_error"},
      {"model: {" + small + "sink_tokens: 2}\n" + few + "}\n", "gradient kurtosis"},
      {"model: {" + small + "attention: {normalizer: elu1}}\n" + few + "}\n",
       "* of weights made shares"}};
  int count = 0;
  for (const auto& [config, part] : cases) {
    const std::string run = (folder / std::to_string(count++)).string();
    put_bytes(run + ".yaml", config);
    const Ended trained = run_program({"train", run + ".yaml", "--out", run});
    REQUIRE_MESSAGE(trained.status == 0, trained.output);
    const Ended ended = run_program({"probe", run, "--out", run + ".h5"});
    CHECK_MESSAGE(ended.status == 0, ended.output);
    CHECK_MESSAGE(contains(ended.output, part), ended.output);
  }
}

TEST_CASE("probe --list names every series, without a run") {
  const Ended ended = run_program({"probe", "--list"});
  CHECK(ended.status == 0);
  for (const RegisteredMetric& metric : metrics())
    for (const SeriesSpec& spec : metric.make()->series()) {
      CAPTURE(spec.name);
      CHECK(contains(ended.output, "\n" + spec.name + "\n  "));
      CHECK(contains(ended.output, interval_text(spec.range)));
    }
}
