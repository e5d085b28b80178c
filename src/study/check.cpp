#include "study/check.h"

#include <fmt/format.h>

#include <set>

#include "core/text/table.h"
#include "study/needs.h"

namespace waiver {

StudyCheck check_study(const Study& study) {
  const auto needs = needs_of(study, all_runs(study));
  StudyCheck out;
  out.runs = std::ssize(study.runs);
  std::set<std::string> notes;
  size_t largest = 0;
  for (size_t i = 0; i < study.runs.size();) {
    const StudyRun& run = study.runs[i];
    const size_t first = i;
    for (; i < study.runs.size() && study.runs[i].group == run.group; ++i)
      if (needs[i].memory.total() > needs[largest].memory.total()) largest = i;
    out.settings.push_back({run.group.empty() ? study.name : run.group,
                            static_cast<int64_t>(i - first), run.config.train.steps,
                            run.config.train.batch, run.config.model.context, needs[first].memory});
    for (const std::string& note : notes_on(run.config)) notes.insert(note);
  }
  out.largest = study.runs[largest].name;
  out.memory = needs[largest].memory;
  out.notes.assign(notes.begin(), notes.end());
  return out;
}

std::string to_text(const StudyCheck& check, int64_t width) {
  Table table{{{.wraps = true},
               {Align::right},
               {Align::right},
               {Align::right},
               {Align::right},
               {Align::right}},
              {{"settings", "runs", "parameters", "steps", "batch", "memory"}},
              0,
              true};
  for (const StudyCheck::Settings& each : check.settings)
    table.rows.push_back({each.name, std::to_string(each.runs),
                          std::to_string(each.memory.parameters), std::to_string(each.steps),
                          fmt::format("{} x {}", each.batch, each.context),
                          memory_text(each.memory.total())});
  std::string text = to_text(table, width) + "\n";
  text += folded(fmt::format("The largest, {}: {}.", check.largest, check.memory.text()), width);
  for (const std::string& note : check.notes) text += folded(note, width);
  return text;
}

Json to_json(const StudyCheck& check) {
  Json out = {{"runs", check.runs}, {"settings", Json::array()}};
  for (const StudyCheck::Settings& each : check.settings)
    out["settings"].push_back({{"settings", each.name},
                               {"runs", each.runs},
                               {"parameters", each.memory.parameters},
                               {"steps", each.steps},
                               {"batch", each.batch},
                               {"context", each.context},
                               {"memory", each.memory.total()}});
  out["largest"] = check.largest;
  out["memory"] = check.memory.json();
  out["notes"] = check.notes;
  return out;
}

}  // namespace waiver
