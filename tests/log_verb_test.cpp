// `waiver log`: any series of a log as text that reads back.
#include <bit>
#include <cmath>

#include "core/files/json.h"
#include "core/text/table.h"
#include "hand_log.h"
#include "run/log_contents.h"
#include "run/log_slice.h"
#include "run/log_text.h"
#include "runs.h"

using namespace waiver;
namespace fs = std::filesystem;

namespace {

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

std::vector<std::vector<std::string>> cells_of(const std::string& csv) {
  std::vector<std::vector<std::string>> out;
  bool quoted = false, fresh = true;
  for (size_t i = 0; i < csv.size(); ++i) {
    if (fresh) out.push_back({""});
    fresh = false;
    const char c = csv[i];
    if (c == '"' && quoted && csv[i + 1] == '"')
      out.back().back() += csv[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      out.back().emplace_back();
    else if (c == '\n' && !quoted)
      fresh = true;
    else
      out.back().back() += c;
  }
  return out;
}

// A log with a series of float32 over two axes, one of float64, and text.
Log small_log(const fs::path& path, const std::vector<float>& numbers,
              const std::vector<double>& losses) {
  Log log = Log::create(path, {{"layer", 2}, {"head", 3}}, "seed: {init: 0}\n");
  log.define({"probe", "share", {"layer", "head"}, "1", "a share", "formula"});
  log.define({"train", "loss", {}, "nat", "loss", ""});
  log.set({"probe", "name", {"head"}, "1", "names", ""},
          std::vector<std::string>{"a", "b,\"c\"", "d\ne"});
  for (size_t row = 0; row * 6 < numbers.size(); ++row)
    log.append("probe", static_cast<int64_t>(10 * row),
               {{"share", std::span<const float>(numbers).subspan(6 * row, 6)}});
  for (size_t row = 0; row < losses.size(); ++row)
    log.append("train", static_cast<int64_t>(5 * row),
               {{"loss", std::span<const double>(losses).subspan(row, 1)}});
  return log;
}

}  // namespace

TEST_CASE("numbers of a log as text read back to the same bits") {
  const TemporaryFolder folder;
  std::vector<float> numbers;
  std::vector<double> losses;
  uint64_t state = 1;
  for (int i = 0; i < 600; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const float x = std::bit_cast<float>(static_cast<uint32_t>(state >> 32));
    numbers.push_back(std::isfinite(x) ? x : 0.1f);
    const double y = std::bit_cast<double>(state);
    losses.push_back(std::isfinite(y) ? y : 0.1);
  }
  const Log log = small_log(folder.path() / "log.h5", numbers, losses);
  const auto shares = cells_of(to_csv({read_slice(log, "probe/share")}));
  const auto table = to_json(log, {read_slice(log, "share"), read_slice(log, "loss")});
  const Json read = parse_json(json_text(table)).at("series");
  REQUIRE(shares.size() == 101);
  CHECK(shares[0][0] == "step");
  CHECK(shares[0][6] == "share[layer=1,head=2]");
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t row = i / 6, at = i % 6;
    CHECK(std::bit_cast<uint32_t>(std::strtof(shares[row + 1][at + 1].c_str(), nullptr)) ==
          std::bit_cast<uint32_t>(numbers[i]));
    CHECK(read[0].at("data")[row][at / 3][at % 3].get<float>() == numbers[i]);
  }
  const auto loss = cells_of(to_csv({read_slice(log, "loss")}));
  for (size_t i = 0; i < losses.size(); ++i) {
    CHECK(std::strtod(loss[i + 1][1].c_str(), nullptr) == losses[i]);
    CHECK(read[1].at("data")[i].get<double>() == losses[i]);
  }
}

TEST_CASE("of several series a row holds what was logged at its step, and nothing for NaN") {
  const TemporaryFolder folder;
  const std::vector<float> numbers = {.1f, .2f, .3f, .4f, NAN, .6f, 1, 2, 3, 4, 5, 6};
  const Log log = small_log(folder.path() / "log.h5", numbers, {4, 3.5, 3});
  CHECK(to_csv({read_slice(log, "share[layer=1,head=1-2]"), read_slice(log, "loss")}) ==
        "step,\"share[layer=1,head=1]\",\"share[layer=1,head=2]\",loss\n"
        "0,,0.6,4\n5,,,3.5\n10,5,6,3\n");
  CHECK(to_csv({read_slice(log, "loss[step=5-100]")}) == "step,loss\n5,3.5\n10,3\n");
  CHECK(to_csv({read_slice(log, "loss[step=last]")}) == "step,loss\n10,3\n");
  CHECK(to_csv({read_slice(log, "loss[step=5-last]")}) == "step,loss\n5,3.5\n10,3\n");
  CHECK(to_csv({read_slice(log, "name")}) == "head,name\n0,a\n1,\"b,\"\"c\"\"\"\n2,\"d\ne\"\n");
  CHECK_THROWS_WITH_AS(to_csv({read_slice(log, "loss"), read_slice(log, "name")}),
                       "probe/name: its rows are of another axis than those of train/loss. Ask for "
                       "it by itself, or for --json.",
                       UsageError);
  const Json json = to_json(log, {read_slice(log, "share[step=0,layer=1]")});
  CHECK(json_text(json.at("series")[0].at("data")) == "[[[0.4,null,0.6]]]");
  CHECK(json_text(json.at("series")[0].at("dims")) == R"(["step","layer","head"])");
  CHECK(json_text(json.at("series")[0].at("coords").at("layer")) ==
        R"({"dims":["layer"],"data":[1]})");
}

TEST_CASE("people get tables that fit, and are told what can be chosen") {
  const TemporaryFolder folder;
  const std::vector<float> numbers = {.1f, .2f, .3f, .4f, NAN, .6f};
  const Log log = small_log(folder.path() / "log.h5", numbers, {4, 3.5, 3});
  CHECK(to_text({read_slice(log, "share")}, 80) ==
        "probe/share (1): a share\n\n[layer=0,head]\nstep    0    1    2\n   0  0.1  0.2  0.3\n"
        "\n[layer=1,head]\nstep    0  1    2\n   0  0.4  –  0.6\n");
  CHECK(
      has(to_text({read_slice(log, "share")}, 16), "step    0    1\n   0  0.1  0.2\n\nstep    2"));
  CHECK(to_text({read_slice(log, "share[head=1]")}, 80) ==
        "probe/share (1): a share\n\n[layer,head=1]\nstep    0  1\n   0  0.2  –\n");
  CHECK(to_text({read_slice(log, "share[head=1,layer=0]")}, 80) ==
        "probe/share (1): a share\n\n[layer=0,head=1]\nstep  share\n   0    0.2\n");
  CHECK(to_text({read_slice(log, "loss")}, 80) ==
        "step  loss\n   0     4\n   5   3.5\n  10     3\n");
  CHECK(log_contents(log, 80) ==
        "axes: head 3, layer 2\n\nprobe: 1 row, step 0\n  share  layer, head  1  a share\n\n"
        "probe: without steps\n  name  head  1  names\n\ntrain: 3 rows, steps 0 to 10\n"
        "  loss    nat  loss\n");
  const Log large = small_log(folder.path() / "large.h5", std::vector<float>(24000, 1.0f), {});
  CHECK_THROWS_WITH_AS(to_text({read_slice(large, "share")}, 80),
                       "probe/share: 24000 values are more than anyone reads. Choose some, as "
                       "probe/share[step=last], or take all with --csv or --json.",
                       UsageError);
  const auto refused = [&](const std::string& request, const std::string& why) {
    CAPTURE(request);
    CHECK_THROWS_WITH_AS(read_slice(log, request), doctest::Contains(why.c_str()), UsageError);
  };
  refused("shore", "Did you mean share?");
  refused("probe/shore", "Did you mean probe/share?");
  refused("zzz", "lists all.");
  refused("share[", "a ] is missing");
  refused("share[layer]", "'layer' is not AXIS=PLACE");
  refused("share[layer=0,layer=1]", "layer is chosen twice");
  refused("share[key=0]", "it has no axis key. It has step, layer and head.");
  refused("share[layer=2]", "there is no layer 2. It has 0, 1.");
  refused("share[layer=x]", "'x' is no layer");
  refused("share[layer=-]", "'-' is no layer");
  refused("share[layer=1-]", "'1-' is no layer");
  refused("share[layer=99999999999999999999]", "is no layer");
  refused("loss[step=7]", "there is no step 7. It has 0, 5, 10.");
}

TEST_CASE("what a log calls itself cannot steer a terminal, and is whole in JSON") {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "log.h5").string();
  Log log = Log::create(file, {{"layer", 1}}, "seed: {init: 0}\n");
  log.set({"odd", "na\x1b;me", {"layer"}, "\x1b]0;title\a", "a\rb", ""},
          std::vector<std::string>{"\x1b[2J\xff"});
  log.flush();
  const std::vector<std::string> all = {"log", file}, one = {"log", file, "odd/na\x1b;me"};
  for (const auto& verb : {all, one}) {
    const Ended ended = run_program(verb);
    CHECK(ended.status == 0);
    CHECK(has(ended.output, "na\\x1b;me"));
    CHECK(ended.output.find_first_of("\x1b\r\a") == std::string::npos);
  }
  std::vector<std::string> json = one;
  json.push_back("--json");
  const Json read = parse_json(run_program(json).output);
  CHECK(read.at("series")[0].at("name") == "na\x1b;me");
  CHECK(read.at("series")[0].at("data")[0] == "\x1b[2J\xEF\xBF\xBD");
}

TEST_CASE("log takes a run, a log's file or mechanism.h5, and says what else was given") {
  const Runs runs;
  REQUIRE(runs.train("run").status == 0);
  const std::string run = runs.at("run").string();
  const Ended all = run_program({"log", run});
  CHECK(all.status == 0);
  std::istringstream lines(all.output);
  for (std::string line; std::getline(lines, line);) CHECK(display_width(line) <= 80);
  CHECK(has(all.output, "probe: 9 rows, steps 0 to 60\n"));
  const Ended csv =
      run_program({"log", run + "/log.h5", "probe/loss", "probe/bos_attention[layer=1]", "--csv"});
  CHECK(csv.status == 0);
  const auto cells = cells_of(csv.output);
  REQUIRE(cells.size() == 10);
  CHECK(cells[0] == std::vector<std::string>{"step", "loss", "bos_attention[layer=1,head=0]",
                                             "bos_attention[layer=1,head=1]"});
  const Log log = Log::open(runs.at("run") / "log.h5");
  const auto attention = log.read("probe", "bos_attention");
  for (size_t row = 0; row < 9; ++row)
    CHECK(std::stof(cells[row + 1][3]) == static_cast<float>(attention.values[4 * row + 3]));
  const Ended json = run_program({"log", run, "--json"});
  CHECK(json.status == 0);
  CHECK(parse_json(json.output).at("axes").at("layer") == 2);
  CHECK(has(run_program({"log", run, "--csv"}).output, "\ntrain,loss,step,12,nat,"));
  for (const std::vector<std::string>& bad : {std::vector<std::string>{"log", run, "nothing"},
                                              {"log", run + "/checkpoints"},
                                              {"log", run, "probe/key_norm", "--csv", "--json"},
                                              {"log", runs.at("none").string()}})
    CHECK(run_program(bad).status == 2);
  CHECK(run_program({"log", runs.config()}).status == 1);
  CHECK(run_program({"probe", run, "--mechanism", "--all-checkpoints"}).status == 0);
  CHECK(run_program({"log", run + "/mechanism.h5", "mechanism/W1", "--csv"})
            .output.starts_with("step,W1\n"));
}
