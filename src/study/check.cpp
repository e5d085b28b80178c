#include "study/check.h"

#include <fmt/format.h>

#include <set>

#include "core/text/table.h"
#include "study/needs.h"

namespace waiver {

std::string check_text(const Study& study, int64_t width) {
  const auto needs = needs_of(study, all_runs(study));
  Table table{{{.wraps = true},
               {Align::right},
               {Align::right},
               {Align::right},
               {Align::right},
               {Align::right}},
              {{"settings", "runs", "parameters", "steps", "batch", "memory"}},
              0,
              true};
  std::set<std::string> notes;
  size_t largest = 0;
  for (size_t i = 0; i < study.runs.size();) {
    const StudyRun& run = study.runs[i];
    const size_t first = i;
    for (; i < study.runs.size() && study.runs[i].group == run.group; ++i)
      if (needs[i].memory.total() > needs[largest].memory.total()) largest = i;
    const MemoryUse& memory = needs[first].memory;
    table.rows.push_back({run.group.empty() ? study.name : run.group, std::to_string(i - first),
                          std::to_string(memory.parameters), std::to_string(run.config.train.steps),
                          fmt::format("{} x {}", run.config.train.batch, run.config.model.context),
                          memory_text(memory.total())});
    for (const std::string& note : notes_on(run.config)) notes.insert(note);
  }
  std::string text = to_text(table, width);
  text += fmt::format("\nThe largest, {}: {}.\n", study.runs[largest].name,
                      needs[largest].memory.text());
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

}  // namespace waiver
