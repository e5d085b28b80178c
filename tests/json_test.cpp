// `--json`: one object on standard output, with the numbers that tables and logs have.
#include <algorithm>
#include <cmath>

#include "core/files/json.h"
#include "runs.h"

using namespace waiver;

namespace {

// Its standard output, which is one object on one line.
Json object_of(const std::vector<std::string>& verb) {
  const Ended ended =
      run_program(verb, {.prepare = [] { dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); }});
  CAPTURE(ended.output);
  REQUIRE(ended.status == 0);
  REQUIRE(ended.output.ends_with("}\n"));
  CHECK(std::ranges::count(ended.output, '\n') == 1);
  const Json json = parse_json(ended.output);
  REQUIRE(json.is_object());
  return json;
}

std::vector<double> numbers(const Json& json) {
  std::vector<double> out;
  for (const Json& x : json) out.push_back(x.is_null() ? NAN : x.get<double>());
  return out;
}

const std::vector<std::string> kEasy = {"probe.waiver.received_attention=0.001",
                                        "probe.waiver.enrichment=0.001",
                                        "probe.waiver.value_ratio=100", "probe.mechanism=[60]"};

}  // namespace

TEST_CASE("show --json says of a run what its log says") {
  const Runs runs;
  REQUIRE(runs.train("run", kEasy).status == 0);
  const std::string run = runs.at("run").string();
  const Json shown = object_of({"show", run, "--json"});
  CHECK(shown.at("run") == run);
  CHECK(shown.at("state") == "done");
  CHECK(shown.at("sentence").get<std::string>().starts_with("A waiver element was there"));
  CHECK(shown.at("emerged") == true);
  CHECK(shown.at("onset") == 0);
  CHECK(shown.at("attention_rose") == 0);
  CHECK(shown.at("value_drained") == 0);
  CHECK(shown.at("verdict") == "waiver");
  CHECK(shown.at("token") == "<s>");
  CHECK(shown.at("role").is_null());
  CHECK(shown.at("thresholds").at("value_ratio") == 100);
  CHECK(shown.at("selected_by").is_string());
  CHECK(shown.at("selection").at("step") == 60);
  CHECK(shown.at("logged_step") == 55);
  const Log log = Log::open(runs.at("run") / "log.h5");
  CHECK(shown.at("steps").get<std::vector<int64_t>>() == log.steps("probe"));
  const int64_t at = (shown.at("layer").get<int64_t>() * 2 + shown.at("head").get<int64_t>()) * 70 +
                     shown.at("key").get<int64_t>();
  for (const char* name : {"received_attention", "enrichment", "value_ratio"}) {
    CAPTURE(name);
    CHECK(numbers(shown.at(name)) == log.read("probe", name).over_rows(at));
  }
  REQUIRE(runs.train("none", {"probe.every=0", "probe.snapshots=[]"}).status == 0);
  const Json none = object_of({"show", runs.at("none").string(), "--json"});
  CHECK(none.at("sentence").get<std::string>().starts_with("This run has no probes"));
  CHECK_FALSE(none.contains("onset"));
}

TEST_CASE("show --json of a sweep has every run, and counts in groups") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\nset: {train.steps: 20, probe.snapshots: []}\n"
         "grid: {model.position.kind: [none, alibi]}\nseeds: [0, 1]\n";
  const std::string sweep = runs.at("sweep").string();
  REQUIRE(run_program({"sweep", runs.at("study.yaml").string(), "--out", sweep, "--only", "1-3"})
              .status == 0);
  const Json shown = object_of({"show", sweep, "--json"});
  CHECK(shown.at("title") == "A study");
  const Json& all = shown.at("runs");
  REQUIRE(all.size() == 4);
  CHECK(all[0].at("run") == "position.kind=none,seed=0");
  CHECK(all[1].at("seed") == 1);
  CHECK(all[3].at("state") == "not started");
  CHECK_FALSE(all[3].contains("sentence"));
  CHECK(all[0].at("sentence") ==
        object_of({"show", sweep + "/position.kind=none,seed=0", "--json"}).at("sentence"));
  REQUIRE(shown.at("groups").size() == 2);
  CHECK(shown.at("groups")[0].at("runs") == 2);
  CHECK(shown.at("groups")[1].at("runs") == 1);
  CHECK(shown.at("groups")[0].at("onsets").size() == shown.at("groups")[0].at("emerged"));
  std::filesystem::resize_file(std::filesystem::path(sweep) / "position.kind=none,seed=0/log.h5",
                               4000);
  CHECK(object_of({"show", sweep, "--json"}).at("runs")[0].at("state") == "unreadable");
}

TEST_CASE("eval, probe, config check and doctor print the numbers of their tables") {
  const Runs runs;
  REQUIRE(runs.train("run", kEasy).status == 0);
  const std::string run = runs.at("run").string();
  const Log log = Log::open(runs.at("run") / "log.h5");
  const Json evaluated = object_of({"eval", run, "--json", "--window", "8", "--keep", "0"});
  CHECK(evaluated.at("step") == 60);
  CHECK(evaluated.at("units") == "nat");
  CHECK(evaluated.at("validation_loss").get<double>() ==
        doctest::Approx(log.read("eval", "loss").values.back()).epsilon(1e-12));
  CHECK(evaluated.contains("backcopy_risk"));
  CHECK(evaluated.at("cache").at("caches")[0].at("cache") == "full");
  CHECK(evaluated.at("cache").at("caches")[0].contains("recovery"));

  const std::string file = runs.at("probe.h5").string();
  const Json probed = object_of({"probe", run, "--json", "--mechanism", "--out", file});
  const Log all = Log::open(file);
  CHECK(probed.at("values").at("loss") == all.read("probe", "loss").values[0]);
  REQUIRE(probed.at("heads").size() == 4);
  REQUIRE(probed.at("layers").size() == 2);
  for (size_t h = 0; h < 4; ++h) {
    const Json& head = probed.at("heads")[h];
    CHECK(head.at("bos_attention") == all.read("probe", "bos_attention").values[h]);
    CHECK(head.at("at_key").at("value_ratio") ==
          all.read("probe", "value_ratio").values[h * 70 + head.at("key").get<size_t>()]);
    CHECK(head.at("verdict") == "waiver");
  }
  CHECK(probed.at("layers")[1].at("matrix_entropy") ==
        all.read("probe", "matrix_entropy").values[1]);
  CHECK(probed.at("elements")[0].at("token").is_null());
  CHECK(probed.at("tokens").size() == 70);
  CHECK(probed.at("mechanism").at("hypotheses").size() == 10);

  const Json checked = object_of({"config", "check", runs.config(), "--json", "train.batch=4"});
  CHECK(checked.at("batch") == 4);
  CHECK(checked.at("steps") == 60);
  CHECK(checked.at("memory").at("total").get<int64_t>() > 0);
  std::ofstream(runs.at("study.yaml")) << "title: A study\nbase: tiny.yaml\nseeds: [0, 1]\n";
  const Json study = object_of({"config", "check", runs.at("study.yaml").string(), "--json"});
  CHECK(study.at("runs") == 2);
  CHECK(study.at("settings")[0].at("context") == 70);

  const Json machine = object_of({"doctor", "--json", "--threads", "1"});
  CHECK(machine.at("threads") == 1);
  CHECK(machine.at("sgemm").get<double>() > 0);
  CHECK(machine.at("warnings").is_array());
}

TEST_CASE("with --json, too, what went wrong is a sentence on standard error") {
  const Runs runs;
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"show", runs.at("none").string(), "--json"},
           {"eval", runs.at("none").string(), "--json"},
           {"probe", runs.at("none").string(), "--json"},
           {"log", runs.at("none").string(), "--json"},
           {"config", "check", runs.config(), "--json", "model.heads=3"}}) {
    CAPTURE(verb[0]);
    const Ended silent =
        run_program(verb, {.prepare = [] { dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); }});
    CHECK(silent.status == 2);
    CHECK(silent.output.empty());
    const Ended heard = run_program(verb);
    CHECK(heard.output.ends_with(".\n"));
    CHECK(parse_json(heard.output).is_discarded());
  }
}
