// Every config and every study that is shipped is right, and trains.
#include <algorithm>

#include "runs.h"
#include "study/claims/claims_report.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

std::vector<fs::path> yaml_files(const std::string& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(WAIVER_SOURCE_DIR) / folder))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  std::ranges::sort(out);
  REQUIRE(!out.empty());
  return out;
}

// Whether all that is wrong is a corpus that has to be fetched.
bool lacks_corpus(const Ended& ended) {
  return ended.status == 2 && ended.output.find("fetch_data.sh") != std::string::npos;
}

// Checks the file, then trains it for two steps of small batches by `command`.
void check_file(const fs::path& file, std::vector<std::string> command) {
  CAPTURE(file.string());
  const Ended checked = run_program({"config", "check", file.string()});
  CAPTURE(checked.output);
  if (lacks_corpus(checked)) {
    MESSAGE(file.filename().string(), " is skipped: its corpus is not here");
    return;
  }
  CHECK(checked.status == 0);
  command.insert(command.end(),
                 {"train.steps=2", "train.batch=4", "train.eval.batches=1", "train.accumulate=1",
                  "probe.batch=2", "train.tokens=0", "probe.snapshots=[]"});
  Ended ended = run_program(command);
  if (ended.output.find("vary train.batch already") != std::string::npos) {
    std::erase(command, "train.batch=4");
    ended = run_program(command);
  }
  CAPTURE(ended.output);
  CHECK(ended.status == 0);
}

}  // namespace

TEST_CASE("every shipped config passes the check and trains two steps") {
  const Runs runs;
  for (const fs::path& file : yaml_files("configs"))
    check_file(file, {"train", file.string(), "--out", runs.at(file.stem()).string()});
}

TEST_CASE("every shipped study passes the check, and its first and last run train two steps") {
  const Runs runs;
  for (const fs::path& file : yaml_files("experiments")) {
    const std::string out = runs.at(file.stem()).string();
    const Ended listed = run_program({"sweep", file.string(), "--out", out, "--list"});
    const auto count = std::ranges::count(listed.output, '\n');
    for (const auto number : {decltype(count){1}, count})
      check_file(file, {"sweep", file.string(), "--out", out, "--only", std::to_string(number)});
  }
}

TEST_CASE("every committed record is of a run of its study, and all of them give its verdicts") {
  for (const fs::path& file : yaml_files("experiments")) {
    CAPTURE(file.string());
    const Study study = load_study(file.string());
    const fs::path committed = committed_records(study);
    if (!fs::exists(committed)) continue;
    std::vector<RunRecord> records;
    for (const auto& entry : fs::directory_iterator(committed)) {
      if (entry.path().filename() == kClaimsFile) continue;
      CAPTURE(entry.path().string());
      const RunRecord record = RunRecord::read(entry.path());
      const size_t at = study.index_of(record.name);
      REQUIRE(at < study.runs.size());
      const StudyRun& run = study.runs[at];
      CHECK(entry.path() == record_file(committed, run));
      CHECK(to_yaml(parse_config(record.config, "record")) == to_yaml(run.config));
      CHECK(record.group == (run.group.empty() ? study.name : run.group));
      records.push_back(record);
    }
    if (const fs::path verdicts = committed / kClaimsFile; fs::exists(verdicts))
      CHECK(parse_json(file_text(verdicts)) == claims_json(judge(study, records)));
  }
}
