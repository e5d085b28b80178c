// What a study claims, and what its runs say to that.
#include <cmath>

#include "config_files.h"
#include "core/files/files.h"
#include "hand_log.h"
#include "study/claims/claims_report.h"
#include "study/study.h"

using namespace waiver;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

const std::string kHead =
    "base: base.yaml\n"
    "grid: {model.position.kind: [none, rope, absolute]}\n"
    "seeds: [0, 1, 2, 3]\n"
    "claims:\n";
const std::string kMeasure = "measure: {kind: onset, series: train/loss, below: 1}";

Study study_of(const std::string& claims) {
  const Folder folder;
  folder.write("base.yaml",
               "model: {layers: 2, heads: 2, width: 8, context: 4}\ntrain: {steps: 60}\n");
  return load_study(folder.write("s.yaml", kHead + claims));
}

// The complaints about claims, without the folder; line 5 is their first.
std::string complaint_about(const std::string& claims) {
  std::string message = complaint_of([&] { study_of(claims); });
  for (size_t at; (at = message.find("/tmp/")) != message.npos;)
    message.erase(at, message.find("s.yaml", at) - at);
  return message;
}

// One claim about the four runs without an encoding.
Claim claim(const std::string& more) {
  return study_of("- {id: a, sentence: S., where: {model.position.kind: none}, " + kMeasure + ", " +
                  more + "}\n")
      .claims.at(0);
}

// Judges it where the runs of the grid's points have these numbers; NaN: undefined.
ClaimResult judged(const Claim& claim, const std::vector<double>& none,
                   const std::vector<double>& rope = {0, 0, 0, 0}) {
  std::vector<MeasuredRun> runs;
  for (const auto* numbers : {&none, &rope})
    for (size_t seed = 0; seed < 4; ++seed) {
      runs.push_back({fmt::format("{},seed={}", numbers == &none ? "none" : "rope", seed),
                      static_cast<int64_t>(seed),
                      {}});
      const double x = seed < numbers->size() ? (*numbers)[seed] : NAN;
      if (seed < numbers->size())
        runs.back().measured = {
            {claim.id, {x, std::isnan(x) ? "there is none." : "", claim.definition}}};
    }
  return judge(claim, runs);
}

std::string_view verdict(const std::string& more, const std::vector<double>& none) {
  return to_text(judged(claim(more), none).verdict);
}

}  // namespace

TEST_CASE("a claim selects runs by their settings, in any spelling") {
  const Study study = study_of(
      "- id: all\n"
      "  sentence: The loss falls.\n"
      "  " +
      kMeasure +
      "\n"
      "  expect: {below: 60}\n"
      "- id: some\n"
      "  sentence: So it does.\n"
      "  source: W1\n"
      "  where: {model.position: learned, seed: {init: 2}}\n"
      "  " +
      kMeasure +
      "\n"
      "  statistic: every\n"
      "  expect: {within: [0, 60]}\n");
  REQUIRE(study.claims.size() == 2);
  CHECK(study.claims[0].runs.size() == 12);
  CHECK(study.claims[0].definition == "{kind: onset, series: train/loss, below: 1}");
  CHECK(study.claims[0].expect.text() == "below 60");
  CHECK(study.claims[1].runs == std::vector<size_t>{10});
  CHECK(study.claims[1].source == "W1");
  CHECK(study.claims[1].expect.text() == "within 0 to 60");
}

TEST_CASE("runs are compared with those of the same seed") {
  const Claim pairs = study_of(
                          "- {id: a, sentence: S., where: {model.position: none, seed.init: "
                          "[1, 3]}, against: {model.position: rope}, " +
                          kMeasure + ", expect: {above: 0}, compare: ratio}\n")
                          .claims.at(0);
  CHECK(pairs.runs == std::vector<size_t>{1, 3});
  CHECK(pairs.others == std::vector<size_t>{5, 7});
  CHECK(pairs.compare == Comparison::ratio);
}

TEST_CASE("seeds are those of the study, whichever keys they set") {
  const Folder folder;
  folder.write("base.yaml", "model: {layers: 1}\ntrain: {steps: 60}\n");
  const Study study = load_study(folder.write(
      "s.yaml",
      "base: base.yaml\ngrid: {model.position: [none, rope]}\nseeds: [3, 5]\nseed_keys: "
      "[seed.data]\nclaims:\n- {id: a, sentence: S., where: {model.position: none}, against: "
      "{model.position: rope}, " +
          kMeasure + ", expect: {above: 0}}\n"));
  CHECK(study.runs[0].seed == 3);
  CHECK(study.runs[1].seed == 5);
  CHECK(study.claims[0].runs == std::vector<size_t>{0, 1});
  CHECK(study.claims[0].others == std::vector<size_t>{2, 3});
}

TEST_CASE("everything wrong with a claim is found when the study is loaded") {
  const std::string good = "sentence: S., " + kMeasure + ", expect: {above: 1}";
  const struct {
    std::string text, message;
  } cases[] = {
      {"{id: a}\n", "s.yaml:5:1: claims: expected a list of blocks."},
      {"- {" + good + "}\n", "s.yaml:5:3: claims[0].id: missing; it has no default."},
      {"- {id: a b, " + good + "}\n",
       "s.yaml:5:8: claims[0].id: expected letters, digits, '.', '_' and '-', found \"a b\"."},
      {"- {id: a, " + good + "}\n- {id: a, " + good + "}\n",
       "s.yaml:6:8: claims[1].id: two claims are called \"a\"."},
      {"- {id: a, wher: {}, " + good + "}\n",
       "s.yaml:5:11: claims[0].wher: unknown key. Did you mean claims[0].where?"},
      {"- {id: a, sentence: S., expect: {above: 1}}\n",
       "s.yaml:5:3: claims[0].measure.series: missing; it has no default."},
      {"- {id: a, sentence: S., measure: {kind: onsat}, expect: {above: 1}}\n",
       "s.yaml:5:41: claims[0].measure: expected one of value, onset, event, lag, place, "
       "sink_share, difference, peak, change, "
       "fit "
       "or matched, found \"onsat\". Did you mean onset?"},
      {"- {id: a, sentence: S., measure: {kind: event, nam: sink}, expect: {above: 1}}\n",
       "s.yaml:5:25: claims[0].measure.name: missing; it has no default.\n"
       "s.yaml:5:48: claims[0].measure.nam: unknown key. Did you mean claims[0].measure.name?"},
      {"- {id: a, sentence: S., measure: {series: probe/enrichmant}, expect: {above: 1}}\n",
       "s.yaml:5:43: claims[0].measure.series: no run logs a series \"probe/enrichmant\". Did you "
       "mean probe/enrichment?"},
      {"- {id: a, sentence: S., measure: {series: probe/enrichment, at: {layer: 0, head: 5, key: "
       "0}},"
       " expect: {above: 1}}\n",
       "s.yaml:5:82: claims[0].measure.at.head: the runs have 2 entries on this axis, 0 to 1, "
       "found "
       "5."},
      {"- {id: a, where: {model.positon: rope}, " + good + "}\n",
       "s.yaml:5:19: claims[0].where: model.positon: unknown key. Did you mean model.position?"},
      {"- {id: a, where: {model.position.kind: alibi}, " + good + "}\n",
       "s.yaml:5:40: claims[0].where: model.position.kind: no run has alibi here. They have none, "
       "rope and learned."},
      {"- {id: a, compare: ratio, " + good + "}\n",
       "s.yaml:5:11: claims[0].compare: only with `against` is there a comparison."},
      {"- {id: a, where: {seed.init: 0}, against: {seed.init: 1}, " + good + "}\n",
       "s.yaml:5:11: claims[0].where: position.kind=none,seed=0 and position.kind=rope,seed=0 have "
       "the same seed, so pairs are not unique. Add settings that tell them apart.\n"
       "s.yaml:5:34: claims[0].against: position.kind=none,seed=1 and position.kind=rope,seed=1 "
       "have "
       "the same seed, so pairs are not unique. Add settings that tell them apart."},
      {"- {id: a, where: {model.position: none, seed.init: 0}, against: {model.position: none, "
       "seed.init: 1}, " +
           good + "}\n",
       "s.yaml:5:56: claims[0].against: there is no run of the seed of position.kind=none,seed=0 "
       "here. Each run of where is compared with the run of the same seed."},
      {"- {id: a, where: {model.position: none}, against: {model.position: none}, " + good + "}\n",
       "s.yaml:5:42: claims[0].against: position.kind=none,seed=0 would be compared with itself. "
       "Add settings that tell the two apart."},
      {"- {id: a, sentence: S., " + kMeasure + "}\n",
       "s.yaml:5:3: claims[0].expect: missing; it has no default. Write {above: x}, {below: x} or "
       "{within: [low, high]}."},
      {"- {id: a, sentence: S., " + kMeasure + ", expect: {above: 1, below: 2}}\n",
       "s.yaml:5:79: claims[0].expect: only one of above, below and within can be expected."},
      {"- {id: a, sentence: S., " + kMeasure + ", expect: {within: [2, 1]}}\n",
       "s.yaml:5:96: claims[0].expect.within: 2 is above 1. Write [low, high]."},
      {"- {id: a, sentence: S., " + kMeasure + ", expect: {within: []}}\n",
       "s.yaml:5:96: claims[0].expect.within: expected a list of 2 numbers. Write [low, high]."},
  };
  for (const auto& [text, message] : cases) CHECK(complaint_about(text) == message);
}

TEST_CASE("a verdict needs the whole interval on one side, and the threshold is on the other") {
  // Of three or four numbers the interval is their range.
  const std::string above = "expect: {above: 5}", below = "expect: {below: 5}",
                    within = "expect: {within: [5, 7]}";
  CHECK(verdict(above, {6, 7, 8, 9}) == "reproduced");
  CHECK(verdict(above, {5, 7, 8, 9}) == "undecided");
  CHECK(verdict(above, {5, 5, 5, 5}) == "not reproduced");
  CHECK(verdict(above, {1, 2, 3, 5}) == "not reproduced");
  CHECK(verdict(above, {1, 2, 3, 6}) == "undecided");
  CHECK(verdict(below, {1, 2, 3, 4}) == "reproduced");
  CHECK(verdict(below, {1, 2, 3, 5}) == "undecided");
  CHECK(verdict(below, {5, 7, 8, 9}) == "not reproduced");
  CHECK(verdict(within, {5, 6, 6, 7}) == "reproduced");
  CHECK(verdict(within, {4, 6, 6, 7}) == "undecided");
  CHECK(verdict(within, {8, 9, 9, 9}) == "not reproduced");
  CHECK(verdict(within, {1, 2, 3, 4}) == "not reproduced");
  CHECK(verdict(within, {1, 2, 8, 9}) == "undecided");
  CHECK(verdict(within, {7, 8, 9, 9}) == "undecided");
  CHECK(verdict(within, {1, 2, 3, 5}) == "undecided");
}

TEST_CASE("never is later than all") {
  CHECK(verdict("expect: {above: 50}", {60, kInf, kInf, kInf}) == "reproduced");
  CHECK(verdict("expect: {below: 50}", {10, 20, 30, kInf}) == "undecided");
  CHECK(verdict("expect: {below: 50}", {kInf, kInf, kInf, kInf}) == "not reproduced");
  CHECK(verdict("expect: {within: [0, 50]}", {kInf, kInf, kInf, 60}) == "not reproduced");
  const ClaimResult late = judged(claim("expect: {above: 50}"), {60, kInf, kInf, kInf});
  CHECK(late.effect.estimate == kInf);
  CHECK(late.effect.low == 60);
  CHECK(late.effect.high == kInf);
}

TEST_CASE("a single run can decide what every run must do, but not a median or a mean") {
  const ClaimResult every = judged(claim("expect: {above: 5}, statistic: every"), {6, 7, 8, 5});
  CHECK(every.verdict == ClaimVerdict::not_reproduced);
  CHECK(every.met == 3);
  CHECK(verdict("expect: {above: 5}, statistic: every", {6, 7, 8, 9}) == "reproduced");
  const ClaimResult mean = judged(claim("expect: {above: 5}, statistic: mean"), {6, 7, 8, 11});
  CHECK(mean.effect.estimate == 8);
  CHECK(mean.verdict == ClaimVerdict::reproduced);
}

TEST_CASE("a verdict needs three seeds, every run and every number, and says which it lacks") {
  Claim above = claim("expect: {above: 5}");
  ClaimResult result = judged(above, {6, 7, 8});
  CHECK(result.verdict == ClaimVerdict::undecided);
  CHECK(result.why == "none,seed=3: it has not finished.");
  result = judged(above, {6, NAN, 8, NAN});
  CHECK(result.verdict == ClaimVerdict::undecided);
  CHECK(result.why == "none,seed=1: there is none. Another run has no number either.");
  CHECK(result.effect.estimate == 7);
  above.runs = {0, 1};
  result = judged(above, {6, 7, 8, 9});
  CHECK(result.verdict == ClaimVerdict::undecided);
  CHECK(result.why == "A verdict needs 3 seeds; there are 2.");
  above.runs = {0, 4, 0};  // of one seed
  CHECK(judged(above, {6, 7, 8, 9}).why == "A verdict needs 3 seeds; there is 1.");
  CHECK(judged(claim("expect: {above: 5}"), {1, 2, 3, 9}).why ==
        "Only a part of the interval is as expected.");
}

TEST_CASE("a number that was measured for another claim of the same id does not count") {
  Claim changed = claim("expect: {above: 5}");
  const MeasuredRun run = {"r", 0, {{{"a", {9, "", changed.definition}}}}};
  const std::vector<MeasuredRun> runs(12, run);
  CHECK(judge(changed, runs).effect.estimate == 9);
  changed.definition = "{kind: place}";
  CHECK(std::isnan(judge(changed, runs).effect.estimate));
  CHECK(contains(judge(changed, runs).why, "its record lacks this measure"));
}

TEST_CASE("pairs have differences or ratios, a sign-flip test, and may be undefined") {
  const std::string against = "against: {model.position.kind: rope}, expect: {above: 0}";
  ClaimResult result = judged(claim(against), {11, 22, 33, 44}, {10, 20, 30, 40});
  CHECK(result.each == std::vector<double>{1, 2, 3, 4});
  CHECK(result.effect.estimate == 2.5);
  CHECK(result.p == 2.0 / 16);
  CHECK(result.verdict == ClaimVerdict::reproduced);
  result = judged(claim(against + ", compare: ratio"), {10, 20, 30, 40}, {5, 5, 10, 40});
  CHECK(result.each == std::vector<double>{2, 4, 3, 1});
  result = judged(claim(against), {11, 22, kInf, 44}, {10, 20, kInf, 40});
  CHECK(result.why == "none,seed=2: the difference of inf and inf is undefined.");
  result = judged(claim(against), {11, 22, 33, 44}, {10, NAN, 30});
  CHECK(result.why == "rope,seed=1: there is none. Another run has no number either.");
}

TEST_CASE("a finished run is measured for the claims that are about it") {
  const Study study = study_of(
      "- {id: rises, sentence: S., where: {model.position: none}, measure: {kind: onset, series: "
      "probe/enrichment, at: {layer: 1, head: 0, key: max}, above: 3}, expect: {above: 0}}\n"
      "- {id: other, sentence: S., where: {model.position: rope}, against: {model.position: "
      "absolute}, measure: {kind: event, name: risk}, expect: {above: 0}}\n");
  const TemporaryFolder folder;
  const Log log = emerging(2).make(folder / "log.h5");
  const auto measured = [&](size_t run) {
    return measure_run(study.claims, run, {study.runs[run].config, log});
  };
  REQUIRE(measured(0).size() == 1);
  CHECK(measured(0).at("rises").value == 20);
  REQUIRE(measured(4).size() == 1);
  CHECK(measured(4).at("other").value == 10);
  CHECK(measured(8).at("other").value == 10);
}

TEST_CASE("a record is enough where it has a number for every claim about its run, as defined") {
  std::vector<Claim> claims = {claim("expect: {above: 5}")};
  const std::string& definition = claims[0].definition;
  CHECK(has_measured({{"a", {9, "", definition}}}, claims, 0));
  CHECK(has_measured({{"a", {kInf, "", definition}}}, claims, 0));
  CHECK(!has_measured({{"a", {9, "", "{kind: place}"}}}, claims, 0));
  CHECK(!has_measured({{"a", {NAN, "it may be there now.", definition}}}, claims, 0));
  CHECK(!has_measured({}, claims, 0));
  CHECK(has_measured({}, claims, 4));  // the claim is not about that run
}

TEST_CASE("the table and claims.json say what became of each claim") {
  const std::vector<ClaimResult> results = {
      judged(claim("expect: {above: 50}"), {60, kInf, kInf, kInf}),
      judged(claim("against: {model.position.kind: rope}, expect: {above: 0}"), {2, 3, NAN, 4})};
  const std::string table = claims_table(results);
  CAPTURE(table);
  CHECK(contains(table, "reproduced  ∞ [60, ∞]"));
  CHECK(contains(table, "median above 50"));
  CHECK(contains(table, "median difference above 0"));
  CHECK(contains(table, "Undecided:\na: none,seed=2: there is none.\n"));
  const Json json = claims_json(results);
  const Json& first = json.at("claims").at(0);
  CHECK(first.at("effect") == "inf");
  CHECK(first.at("low") == 60);
  CHECK(first.at("n") == 4);
  CHECK(first.at("seeds") == Json({0, 1, 2, 3}));
  CHECK(first.at("verdict") == "reproduced");
  CHECK(first.at("each") == Json({60.0, "inf", "inf", "inf"}));
  CHECK(!first.contains("compare"));
  const Json& second = json.at("claims").at(1);
  CHECK(second.at("n") == 3);
  CHECK(second.at("compare") == "difference");
  CHECK(second.at("first") == Json({2.0, 3.0, "nan", 4.0}));
  CHECK(second.at("why") == "none,seed=2: there is none.");
}

TEST_CASE("a study run afresh is compared with its committed verdicts") {
  const Claim above = claim("expect: {above: 5}");
  const auto one = [&](const std::vector<double>& numbers) {
    return std::vector<ClaimResult>{judged(above, numbers)};
  };
  const Json before = claims_json(one({6, 7, 8, 9}));  // 7.5 [6, 9]
  const auto compared = [&](const std::vector<ClaimResult>& after, bool exactly = false) {
    const auto found = compare_verdicts(before, claims_json(after), exactly, "claims.json");
    return fmt::format("{}", fmt::join(found, "\n"));
  };
  const auto claims = [&](const std::vector<ClaimResult>& after) {
    return fmt::format("{}",
                       fmt::join(compare_claims(before, claims_json(after), "claims.json"), "\n"));
  };
  CHECK(compared(one({6, 7, 8, 9}), true) == "");
  CHECK(compared(one({7, 7, 8, 9})) == "");
  CHECK(compared(one({7, 7, 8, 9}), true) ==
        "a: the bits of low are not the same.\n"
        "a: the bits of each are not the same.");
  CHECK(compared(one({8, 8, 8, 9})) == "a: its effect was 7.5, and the interval is now [8, 9].");
  CHECK(compared(one({6, 6, 6, 7})) == "a: its effect was 7.5, and the interval is now [6, 7].");
  CHECK(compared(one({1, 7, 8, 9})) == "a: it was reproduced, and is now undecided.");
  auto changed = one({6, 7, 8, 9});
  changed[0].claim.expect.above = 4;
  CHECK(claims(changed) == "a: its expect was \"above 5\", and is now \"above 4\".");
  changed[0] = one({6, 7, 8, 9})[0];
  changed[0].claim.written = parse_yaml("where: {model.position.kind: rope}\n", "s.yaml");
  CHECK(claims(changed) ==
        "a: its where was \"{model.position.kind: none}\", and is now \"{model.position.kind: "
        "rope}\".");
  changed[0] = one({6, 7, 8, 9})[0];
  changed[0].claim.id = "b";
  CHECK(claims(changed) == "a: the study no longer claims it.\nb: it has no committed verdict.");
  CHECK(error_of([&] { compare_verdicts(Json::object(), before, false, "claims.json"); }) ==
        "claims.json: these are not the verdicts of a study's claims, so the file is damaged. Put "
        "the "
        "right one back.");
  Json torn = before;
  torn["claims"][0].erase("verdict");
  CHECK(contains(error_of([&] { compare_verdicts(torn, torn, false, "claims.json"); }),
                 "so the file is damaged"));
  // What a claim says in words may change; what its source published, too.
  changed[0] = one({6, 7, 8, 9})[0];
  changed[0].claim.sentence = "Other words.";
  changed[0].claim.published = "5 [P]";
  CHECK(claims(changed) == "");
  CHECK(compared(changed, true) == "");
  // An effect that is undefined in both is no mismatch.
  const auto nothing = one({NAN, NAN, NAN, NAN});
  CHECK(compare_verdicts(claims_json(nothing), claims_json(nothing), true, "").empty());
  const auto opposite = one({kInf, -kInf, kInf, -kInf});  // a median between them is undefined
  CHECK(std::isnan(opposite[0].effect.estimate));
  CHECK(compare_verdicts(claims_json(opposite), claims_json(opposite), true, "").empty());
}

TEST_CASE("the documentation of claims names every key, measure and option") {
  const std::string docs = claim_docs();
  for (const char* part :
       {"| `claims[].expect.above` | `not given` |", "`claims[].sentence`",
        "| `claims[].statistic` | `median` |", "| `fit` |", "`law` (`log`: y = a",
        "`at_most` (a number)", "`step` (text; default \"last\")"})
    CHECK(contains(docs, part));
  for (const auto& entry : registry<Measure>())
    CHECK(contains(docs, fmt::format("| `{}` |", entry.name)));
  CHECK(!contains(docs, "nan"));
}
