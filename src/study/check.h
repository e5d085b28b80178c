#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/files/json.h"
#include "run/memory.h"
#include "study/study.h"

namespace waiver {

/// What `waiver config check` finds of a study, a row for each group of runs that differ in their
/// seeds alone.
struct StudyCheck {
  struct Settings {
    std::string name;
    int64_t runs = 0, steps = 0, batch = 0, context = 0;
    MemoryUse memory;  // of its first run
  };
  std::vector<Settings> settings;
  int64_t runs = 0;
  std::string largest;  // the run that takes the most memory
  MemoryUse memory;     // what it takes
  std::vector<std::string> notes;
};

/// Throws UsageError where the data of a run cannot be opened, or it does not fit into memory.
StudyCheck check_study(const Study& study);

/// For people, fitted to `width` as by Table's to_text; and
/// {runs, settings: [{settings, runs, parameters, steps, batch, context, memory}], largest, memory,
/// notes}, memory in bytes.
std::string to_text(const StudyCheck& check, int64_t width = 0);
Json to_json(const StudyCheck& check);

}  // namespace waiver
