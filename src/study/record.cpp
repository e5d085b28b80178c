#include "study/record.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "core/digest.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/machine.h"
#include "run/directory.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr char kRecordFormat[] = "waiver record 1";
constexpr const char* kMakerFacts[] = {"code",
                                       "compiler",
                                       "flags",
                                       "processor",
                                       "instruction_set",
                                       "gemm",
                                       "gemm_instruction_set",
                                       "bfloat16_unit"};

std::string data_digest(const DataRecord& data) {
  Sha256 sum;
  for (const DataFile& file : data.files) sum.add(file.key).add(" ").add(file.sha256).add("\n");
  sum.add(json_text(Json(data.words)));
  return sum.digest();
}

// The machines that a run's environment.json lists, each once.
std::vector<Maker> makers_of(const fs::path& folder) {
  const fs::path file = folder / "environment.json";
  if (!fs::exists(file)) return {};
  std::vector<Maker> makers;
  try {
    for (const Json& start : parse_json(read_file(file)).get<std::vector<Json>>()) {
      Maker maker;
      for (const char* fact : kMakerFacts)
        if (start.contains(fact)) maker.emplace_back(fact, start.at(fact));
      if (std::ranges::find(makers, maker) == makers.end()) makers.push_back(std::move(maker));
    }
  } catch (const Json::exception&) {
    throw Error(file.string(), "this is not the list of machines that the run was on",
                "It is damaged: move it away, and they are unknown.");
  }
  return makers;
}

double training_seconds(const Log& log) {
  const auto rows = std::ssize(log.steps("timing"));
  return rows == 0 ? 0 : log.read_rows("timing", "seconds", rows - 1, rows).values[0];
}

Json json_of(const Onset& onset) {
  return {{"step", onset.step},
          {"before", json_exact_number(onset.before)},
          {"after", json_exact_number(onset.after)}};
}

Json json_of(const ChangePoint& change) {
  return {{"step", change.step},
          {"size", json_exact_number(change.size)},
          {"explained", json_exact_number(change.explained)}};
}

Json json_of(const RunEvents& events) {
  Json out = {{"place",
               {{"layer", events.at.layer},
                {"head", events.at.head},
                {"key", events.at.key},
                {"attention", json_exact_number(events.at.attention)},
                {"role", events.at.role},
                {"role_name", events.at.role_name}}},
              {"onset_layer", events.onset_layer},
              {"events", Json::array()}};
  for (const RunEvents::Entry& entry : events.entries)
    out["events"].push_back({{"event", entry.kind.name},
                             {"onset", json_of(entry.event.onset)},
                             {"change", json_of(entry.event.change)}});
  return out;
}

// `kinds`: those of the run's config, which say what the names mean.
RunEvents events_from(const Json& json, const std::vector<EventKind>& kinds) {
  RunEvents events;
  const Json& at = json.at("place");
  events.at = {at.at("layer"),
               at.at("head"),
               at.at("key"),
               exact_number(at.at("attention")),
               at.value("role", int64_t{-1}),
               at.value("role_name", "")};
  events.onset_layer = json.at("onset_layer");
  for (const Json& entry : json.at("events")) {
    const auto kind =
        std::ranges::find(kinds, entry.at("event").get<std::string>(), &EventKind::name);
    if (kind == kinds.end()) continue;
    const Json &onset = entry.at("onset"), &change = entry.at("change");
    events.entries.push_back(
        {*kind,
         {{onset.at("step"), exact_number(onset.at("before")), exact_number(onset.at("after"))},
          {change.at("step"), exact_number(change.at("size")),
           exact_number(change.at("explained"))}}});
  }
  return events;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

RunDigests RunDigests::of(const Config& config, const DataRecord& data) {
  return {sha256(to_yaml(config)), data_digest(data)};
}

Maker this_maker() {
  Maker maker;
  for (auto& [name, value] : machine_facts())
    if (std::ranges::find(kMakerFacts, std::string_view(name)) != std::end(kMakerFacts))
      maker.emplace_back(name, value);
  return maker;
}

RunRecord RunRecord::of(const Study& study, const StudyRun& run, const RunDigests& digests,
                        const fs::path& folder) {
  const Log log = Log::open(folder / "log.h5");
  std::optional<Log> mechanism;
  if (fs::exists(folder / kMechanismFile)) mechanism = Log::open(folder / kMechanismFile);
  const RunLogs logs{run.config, log, mechanism ? &*mechanism : nullptr};
  return {run.name,
          run.group.empty() ? study.name : run.group,
          run.overrides,
          run.seed,
          run.config.train.steps,
          digests,
          to_yaml(run.config),
          log.digest(std::numeric_limits<int64_t>::max()),
          log.has_checksum(),
          makers_of(folder),
          code_digest(),
          find_events(log, run.config.probe),
          measure_run(study.claims, study.index_of(run.name), logs),
          curves_of(study.curves, logs),
          training_seconds(log)};
}

std::string RunRecord::to_json() const {
  Json makers = Json::array();
  for (const Maker& maker : made_by) {
    makers.push_back(Json::object());
    for (const auto& [fact, value] : maker) makers.back()[fact] = value;
  }
  return json_by_key({{"format", kRecordFormat},
                      {"name", name},
                      {"group", group},
                      {"settings", settings},
                      {"seed", seed},
                      {"steps", steps},
                      {"digests", {{"config", digests.config}, {"data", digests.data}}},
                      {"config", lines_of(config)},
                      {"log", {{"digest", log_digest}, {"checksum", log_has_checksum}}},
                      {"made_by", makers},
                      {"recorded_by", recorded_by},
                      {"events", events ? json_of(*events) : Json()},
                      {"measures", json_of(measures)},
                      {"curves", curves},
                      {"timing", {{"seconds", seconds}}}});
}

RunRecord RunRecord::read(const fs::path& file) try {
  const Json json = parse_json(read_file(file));
  if (json.at("format") != kRecordFormat)
    throw Error(file.string(), "this is not a record in this program's format",
                "Move it away: the run is then read from its folder, or trained.");
  RunRecord record;
  record.name = json.at("name");
  record.group = json.at("group");
  record.settings = json.at("settings").get<std::vector<std::string>>();
  record.seed = json.at("seed");
  record.steps = json.at("steps");
  record.digests = {json.at("digests").at("config"), json.at("digests").at("data")};
  for (const Json& line : json.at("config")) record.config += line.get<std::string>() + "\n";
  record.log_digest = json.at("log").at("digest");
  record.log_has_checksum = json.at("log").at("checksum");
  for (const Json& maker : json.at("made_by")) {
    record.made_by.emplace_back();
    for (const auto& [fact, value] : maker.items()) record.made_by.back().emplace_back(fact, value);
  }
  record.recorded_by = json.at("recorded_by");
  const Config config = parse_config(record.config, file.string() + ": config");
  if (const Json& events = json.at("events"); !events.is_null())
    record.events = events_from(events, event_kinds(config.probe));
  record.measures = measurements_of(json.at("measures"));
  record.curves = checked_curves(json.value("curves", Json::object()));
  record.seconds = json.at("timing").at("seconds");
  return record;
} catch (const Json::exception&) {
  throw Error(file.string(), "this is not a run's record, so it is damaged",
              "Move it away: the run is then read from its folder, or trained.");
}

bool RunRecord::is_of(const StudyRun& run, const RunDigests& now) const {
  if (name != run.name || digests.data != now.data) return false;
  return digests.config == now.config || to_yaml(parse_config(config, name)) == to_yaml(run.config);
}

fs::path record_file(const fs::path& records, const StudyRun& run) {
  return records / (run.name + ".json");
}

fs::path records_of(const fs::path& sweep) { return sweep / "records"; }

fs::path committed_records(const Study& study) {
  return fs::path(study.path).parent_path() / "records" / study.name;
}

}  // namespace waiver
