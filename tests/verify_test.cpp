// Claims in a sweep by the program itself, and studies that are verified.
#include "core/files/json.h"
#include "runs.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

/// A study of three runs of ten steps with one claim, swept once.
struct ClaimedStudy {
  Runs runs;
  fs::path study = runs.at("s.yaml"), committed = runs.at("records/s");

  ClaimedStudy() {
    write(
        "claims: [{id: falls, sentence: S., measure: {kind: value, series: train/loss}, "
        "expect: {below: 9}}]\n");
  }
  void write(const std::string& claims) const {
    std::ofstream(study)
        << "base: tiny.yaml\nset: {train: {steps: 10}, probe: {every: 2, snapshots: []}}\n"
           "seeds: [0, 1, 2]\n"
        << claims;
  }
  Ended sweep(const std::string& name, std::vector<std::string> more = {}) const {
    std::vector<std::string> command = {"sweep", study.string(), "--out", runs.at(name).string()};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  }
  void commit(const fs::path& swept) const {
    fs::create_directories(committed);
    fs::copy(swept / "records", committed, fs::copy_options::recursive);
    fs::copy(swept / "claims.json", committed / "claims.json");
  }
  void edit_committed(const std::string& from, const std::string& to) const {
    std::string text = file_text(committed / "claims.json");
    const size_t at = text.find(from);
    REQUIRE(at != text.npos);
    put_bytes(committed / "claims.json", text.replace(at, from.size(), to));
  }
};

}  // namespace

TEST_CASE("a sweep ends with its verdicts, which later claims change without training") {
  const ClaimedStudy claimed;
  const Ended first = claimed.sweep("one");
  REQUIRE(first.status == 0);
  CHECK(contains(first.output, "falls  reproduced"));
  const auto verdicts = [&] {
    return parse_json(file_text(claimed.runs.at("one/claims.json"))).at("claims");
  };
  CHECK(verdicts().at(0).at("n") == 3);
  CHECK(verdicts().at(0).at("verdict") == "reproduced");
  claimed.write(
      "claims: [{id: falls, sentence: S., measure: {kind: onset, series: probe/loss, "
      "below: 0.5}, expect: {below: 10}}]\n");
  REQUIRE(claimed.sweep("one", {"--collect"}).status == 0);
  CHECK(verdicts().at(0).at("verdict") == "not reproduced");
  CHECK(verdicts().at(0).at("each") == Json({"inf", "inf", "inf"}));
  // From the records alone.
  for (const char* seed : {"0", "1", "2"})
    fs::remove_all(claimed.runs.at(std::string("one/seed=") + seed));
  const std::string before = file_text(claimed.runs.at("one/claims.json"));
  REQUIRE(claimed.sweep("one", {"--collect"}).status == 0);
  CHECK(file_text(claimed.runs.at("one/claims.json")) == before);
}

TEST_CASE("a committed study is verified, and every mismatch is listed") {
  const ClaimedStudy claimed;
  CHECK(claimed.sweep("two", {"--verify"}).status == 2);  // nothing is committed
  CHECK(!fs::exists(claimed.runs.at("two")));
  REQUIRE(claimed.sweep("one").status == 0);
  claimed.commit(claimed.runs.at("one"));
  const Ended good = claimed.sweep("two", {"--verify"});
  CHECK(good.status == 0);
  CHECK(contains(good.output, "and all numbers the same bits"));
  CHECK(claimed.sweep("two", {"--verify", "--resume", "train.batch=4"}).status == 2);
  claimed.edit_committed("\"reproduced\"", "\"undecided\"");
  const Ended bad = claimed.sweep("two", {"--verify", "--resume"});
  CHECK(bad.status == 1);
  CHECK(contains(bad.output, "falls: it was undecided, and is now reproduced."));
  // What cannot be compared is refused before anything is trained.
  put_bytes(claimed.committed / "claims.json", "{}");
  CHECK(contains(claimed.sweep("three", {"--verify"}).output, "so the file is damaged"));
  claimed.write("");
  CHECK(contains(claimed.sweep("three", {"--verify"}).output, "claims nothing to verify"));
  CHECK(!fs::exists(claimed.runs.at("three")));
}

TEST_CASE("single claims are verified by their own runs") {
  const ClaimedStudy claimed;
  const std::string rest = "measure: {kind: value, series: train/loss}, expect: {below: 9}}\n";
  const std::string two =
      "grid: {train.batch: [2, 4]}\nclaims:\n"
      "- {id: small, sentence: S., where: {train.batch: 2}, " +
      rest + "- {id: large, sentence: S., where: {train.batch: 4}, " + rest;
  claimed.write(two);
  REQUIRE(claimed.sweep("one").status == 0);
  claimed.commit(claimed.runs.at("one"));
  claimed.edit_committed("\"reproduced\"", "\"undecided\"");  // the first claim, `small`
  const auto trained = [&](const std::string& run) {
    return fs::exists(claimed.runs.at("part") / run / "log.h5");
  };

  CHECK(claimed.sweep("part", {"--claim", "large"}).status == 2);  // only with --verify
  const Ended unknown = claimed.sweep("part", {"--verify", "--claim", "large,huge"});
  CHECK(unknown.status == 2);
  CHECK(contains(unknown.output, "this study has no claim \"huge\". It has small, large."));
  const Ended planned = claimed.sweep("part", {"--verify", "--claim", "large", "--dry-run"});
  CHECK(planned.status == 0);
  CHECK(contains(planned.output, "train.batch=4,seed=2"));
  CHECK(!contains(planned.output, "train.batch=2"));
  CHECK(!fs::exists(claimed.runs.at("part")));

  const Ended good = claimed.sweep("part", {"--verify", "--claim", "large"});
  CHECK(good.status == 0);
  CHECK(contains(good.output, "and all numbers the same bits"));
  for (const char* seed : {"0", "1", "2"}) {
    CHECK(trained(std::string("train.batch=4,seed=") + seed));
    CHECK(!trained(std::string("train.batch=2,seed=") + seed));
  }
  CHECK(claimed.sweep("part", {"--verify", "--claim", "large"}).status == 2);  // it is there
  const Ended bad = claimed.sweep("part", {"--verify", "--resume", "--claim", "small,large"});
  CHECK(bad.status == 1);
  CHECK(contains(bad.output, "small: it was undecided, and is now reproduced."));
  CHECK(trained("train.batch=2,seed=0"));

  // What is in the folder stays: verdicts on all claims, and every number of the records.
  REQUIRE(claimed.sweep("one", {"--verify", "--resume", "--claim", "large"}).status == 0);
  for (const char* name : {"one", "part"}) {
    const Json verdicts = parse_json(file_text(claimed.runs.at(name) / "claims.json"));
    CHECK(verdicts.at("claims").size() == 2);
    CHECK(verdicts.at("claims").at(0).at("n") == 3);
    const Json record =
        parse_json(file_text(claimed.runs.at(name) / "records/train.batch=2,seed=0.json"));
    CHECK(record.at("measures").contains("small"));
  }

  // What could not be compared is refused before anything is trained.
  const auto refuses = [&](const std::vector<std::string>& how, const std::string& why) {
    const Ended ended = claimed.sweep("new", how);
    CHECK(ended.status == 2);
    CHECK(contains(ended.output, why));
  };
  const std::string later = "- {id: later, sentence: S., " + rest;
  claimed.write(two + later);
  refuses({"--verify"}, "later: it has no committed verdict.");
  refuses({"--verify", "--claim", "later"}, "later: it has no committed verdict.");
  refuses({"--verify", "--dry-run"}, "these are not the verdicts of the study's claims");
  std::string stricter = two;
  claimed.write(stricter.replace(stricter.rfind("below: 9"), 8, "below: 8"));
  refuses({"--verify", "--claim", "large"},
          "large: its expect was \"below 9\", and is now \"below 8\".");
  claimed.write("");
  refuses({"--verify", "--claim", "large"}, "this study has no claim \"large\". It has none.");
  CHECK(!fs::exists(claimed.runs.at("new")));
  claimed.write(two + later);
  CHECK(claimed.sweep("new", {"--verify", "--claim", "large"}).status == 0);

  // Committed records do not make a verification shorter.
  claimed.write(two);
  const Ended all = claimed.sweep("dry", {"--verify", "--resume", "--dry-run"});
  CHECK(all.status == 0);
  CHECK(contains(all.output, "6 runs"));
}
