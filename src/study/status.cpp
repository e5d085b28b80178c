#include <fmt/format.h>

#include <filesystem>
#include <tuple>

#include "core/files/files.h"
#include "core/text/table.h"
#include "study/findings.h"
#include "study/needs.h"
#include "study/sweep.h"
#include "study/sweep_folder.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {

std::string sweep_status(const Study& study, const std::string& directory, int64_t width) {
  const fs::path folder = directory;
  check_sweep_folder(folder, true);
  check_same_study(study, folder);
  const auto needs = needs_of(study, all_runs(study));
  const Findings findings(study, folder, digests_of(needs), all_runs(study), Records::accept,
                          Damage::keep);
  Table table{{{Align::right}, {}, {}, {.wraps = true}}, {{"", "run", "state", ""}}, 0, true};
  for (size_t i = 0; i < study.runs.size(); ++i) {
    const StudyRun& run = study.runs[i];
    std::string state = "done", more;
    if (findings[i].from == Findings::From::record) more = "by its record";
    if (findings[i].from == Findings::From::committed)
      more = "by its record in " + committed_records(study).string();
    if (!findings.is_done(i))
      std::tie(state, more) = unfinished_state(folder / run.name, run.config.train.steps);
    if (const std::string& damage = findings[i].damage; !damage.empty() && state != "without log")
      std::tie(state, more) = std::pair("damaged", damage);
    table.rows.push_back({std::to_string(i + 1), run.name, state, more});
  }
  const size_t missing = findings.missing().size();
  std::string text =
      to_text(table, width) +
      fmt::format("\n{} of {} runs done.\n", study.runs.size() - missing, study.runs.size());
  for (const std::string& note : findings.notes()) text += note + "\n";
  return text;
}

}  // namespace waiver
