// What remains of a finished run: its record.
#include "study/record.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "config_files.h"
#include "core/files/files.h"
#include "core/files/json.h"

using namespace waiver;

namespace {

StudyRun run_of(const std::string& yaml) { return {"a=1,seed=3", "a=1", {"a=1"}, parse(yaml)}; }

RunRecord record_with(const StudyRun& run) {
  RunRecord record;
  record.name = run.name;
  record.group = run.group;
  record.settings = run.overrides;
  record.seed = 3;
  record.steps = 100;
  record.config = to_yaml(run.config);
  record.digests = RunDigests::of(run.config, {});
  return record;
}

RunRecord read_back(const RunRecord& record) {
  const TemporaryFolder folder;
  put_bytes(folder / "r.json", record.to_json());
  return RunRecord::read(folder / "r.json");
}

}  // namespace

TEST_CASE("every number survives a record, bit for bit") {
  const StudyRun run = run_of("model: {layers: 1}\n");
  RunRecord record = record_with(run);
  const double odd[] = {INFINITY,
                        -INFINITY,
                        -0.0,
                        0.1,
                        static_cast<double>(0.1f),
                        std::numeric_limits<double>::denorm_min(),
                        std::numeric_limits<double>::max(),
                        170.0,
                        1.0 / 3.0};
  for (const double x : odd) record.measures[fmt::format("m{}", x)] = {x, "", "{kind: place}"};
  record.measures["undefined"] = {NAN, "There is none.", ""};
  RunEvents events;
  events.at = {1, 2, 3, static_cast<double>(0.3f)};
  events.onset_layer = 1;
  for (const EventKind& kind : event_kinds(run.config.probe))
    events.entries.push_back({kind, {{170, 0.1, INFINITY}, {-1, NAN, 1.0 / 3.0}}});
  record.events = events;
  record.curves = {{"E", {{"steps", {0, 10}}, {"values", {0.5, nullptr}}, {"curve", "{}"}}}};
  const RunRecord back = read_back(record);
  REQUIRE(back.measures.size() == record.measures.size());
  for (const double x : odd) {
    const Measurement& found = back.measures.at(fmt::format("m{}", x));
    CHECK(std::bit_cast<uint64_t>(found.value) == std::bit_cast<uint64_t>(x));
    CHECK(found.definition == "{kind: place}");
  }
  CHECK(std::isnan(back.measures.at("undefined").value));
  CHECK(back.measures.at("undefined").why == "There is none.");
  REQUIRE(back.events);
  CHECK(back.events->at.attention == events.at.attention);
  REQUIRE(back.events->entries.size() == events.entries.size());
  for (size_t i = 0; i < events.entries.size(); ++i) {
    const auto &a = events.entries[i], &b = back.events->entries[i];
    CHECK(a.kind.name == b.kind.name);
    CHECK(a.kind.threshold == b.kind.threshold);
    CHECK(b.event.onset.after == INFINITY);
    CHECK(std::isnan(b.event.change.size));
    CHECK(b.event.change.explained == 1.0 / 3.0);
  }
  CHECK(back.to_json() == record.to_json());
}

TEST_CASE("a record is of a run with the same config and data, whatever its defaults were called") {
  const StudyRun run = run_of("model: {layers: 1}\n");
  const RunRecord record = record_with(run);
  CHECK(record.is_of(run, record.digests));
  CHECK(!record.is_of(run, {record.digests.config, "other"}));
  StudyRun other = run_of("model: {layers: 2}\n");
  CHECK(!record.is_of(other, RunDigests::of(other.config, {})));
  other = run_of("model: {layers: 1}\n");
  other.name = "b";
  CHECK(!record.is_of(other, record.digests));
  // From before there was a key that now has its default.
  RunRecord older = record;
  const size_t line = older.config.find("  residual: true\n");
  REQUIRE(line != older.config.npos);
  older.config.erase(line, std::string("  residual: true\n").size());
  older.digests.config = "of another text";
  CHECK(older.is_of(run, record.digests));
}

TEST_CASE("the digest of data is of its bytes and tokens, not of its place") {
  const Config config = parse("");
  DataRecord data;
  data.files = {{"data.path", "here.txt", 5, "abc"}};
  const RunDigests one = RunDigests::of(config, data);
  data.files[0].path = "/elsewhere/here.txt";
  CHECK(RunDigests::of(config, data) == one);
  data.words = {"a"};
  CHECK(RunDigests::of(config, data) != one);
  data.words.clear();
  data.files[0].sha256 = "abd";
  CHECK(RunDigests::of(config, data) != one);
}

TEST_CASE("a damaged record is refused with its name") {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& text) {
    put_bytes(folder / "r.json", text);
    const std::string message = error_of([&] { RunRecord::read(folder / "r.json"); });
    CHECK(contains(message, "r.json: "));
    return message;
  };
  const std::string whole = record_with(run_of("")).to_json();
  CHECK(contains(refusal(whole.substr(0, whole.size() / 2)), "damaged"));
  CHECK(contains(refusal("[]"), "damaged"));
  CHECK(contains(refusal("{\"format\": \"waiver record 2\"}"), "in this program's format"));
  Json json = parse_json(whole);
  json["seed"] = "one";
  CHECK(contains(refusal(json.dump()), "damaged"));
  json = parse_json(whole);
  json["measures"]["m"] = "big";
  CHECK(contains(refusal(json.dump()), "damaged"));
  json = parse_json(whole);
  for (const char* curves : {"5", "null", "{\"E\": 5}", "{\"E\": {\"curve\": 5}}",
                             "{\"E\": {\"curve\": \"\", \"steps\": [1], \"values\": []}}",
                             "{\"E\": {\"curve\": \"\", \"steps\": [\"x\"], \"values\": [1]}}"}) {
    CAPTURE(curves);
    json["curves"] = parse_json(curves);
    CHECK(contains(refusal(json.dump()), "damaged"));
  }
}
