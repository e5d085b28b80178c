#include "study/mechanism_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/statistics/bootstrap.h"
#include "core/text/table.h"
#include "inspect/mechanism_report.h"
#include "run/directory.h"
#include "study/index.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

/// One finished run of a sweep.
struct RunMechanism {
  int64_t seed = 0;
  Mechanism found;
};
struct GroupMechanism {
  std::string name;
  std::vector<RunMechanism> runs;
};

std::vector<GroupMechanism> find_all(const fs::path& folder) {
  std::vector<GroupMechanism> groups;
  for (const SweepIndex::Run& run : SweepIndex::read(folder).runs) {
    const fs::path place = folder / run.name;
    if (run_status(place) != "done") continue;
    SavedModel saved = open_saved(place.string(), {}, {.mechanism = true});
    if (groups.empty() || groups.back().name != run.group) {
      groups.push_back({run.group, {}});
      tell(saved.memory, run.group);
    }
    load_model(saved);
    groups.back().runs.push_back({run.seed, mechanism_of(saved)});
  }
  return groups;
}

// The distinct answers of a group's runs, each with its count.
template <class F>
std::string counts(const GroupMechanism& group, const F& text) {
  std::vector<std::pair<std::string, int>> seen;
  for (const RunMechanism& run : group.runs) {
    const std::string what = text(run.found);
    const auto at = std::ranges::find(seen, what, &std::pair<std::string, int>::first);
    if (at == seen.end())
      seen.emplace_back(what, 1);
    else
      ++at->second;
  }
  std::vector<std::string> parts;
  for (const auto& [what, count] : seen) parts.push_back(fmt::format("{} {}", what, count));
  return fmt::format("{}", fmt::join(parts, ", "));
}

template <class F>
std::string middle(const GroupMechanism& group, const F& number) {
  std::vector<double> all;
  for (const RunMechanism& run : group.runs)
    if (const double x = number(run.found); std::isfinite(x)) all.push_back(x);
  if (all.empty()) return "–";
  const Interval m = bootstrap(all);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", m.estimate, m.low, m.high);
}

std::vector<Cell> row_of(const GroupMechanism& group) {
  std::vector<Cell> row = {
      group.name,
      counts(group, [](const Mechanism& m) { return std::string(to_text(m.selected_by)); }),
      counts(group,
             [](const Mechanism& m) {
               const std::string status(verdict_text(m.status));
               return m.status == Verdict::neither ? status
                                                   : fmt::format("{} at {}", status, m.key);
             }),
      middle(group, [](const Mechanism& m) { return m.follows.encoding; }),
      middle(group, [](const Mechanism& m) { return m.follows.content; }),
      middle(group, [](const Mechanism& m) { return m.follows.both; }),
      middle(group, [](const Mechanism& m) { return m.received; }),
      middle(group, [](const Mechanism& m) { return m.value_ratio; }),
      middle(group, [](const Mechanism& m) { return m.loss; })};
  for (size_t i = 0; i < hypotheses().size(); ++i) {
    std::string signs;
    for (const RunMechanism& run : group.runs) signs += sign_of(run.found.findings[i].outcome);
    row.emplace_back(signs);
  }
  return row;
}

std::string table_of(const std::vector<GroupMechanism>& groups, int64_t width) {
  std::vector<Cell> heading = {
      "mechanism", "selected by", "status", "follows encoding", "follows content", "follows both",
      "α",         "r_V",         "loss"};
  for (const Hypothesis& h : hypotheses()) heading.emplace_back(h.id);
  Table table{std::vector<Column>(heading.size(), {.wraps = true}), {heading}, 0, true};
  for (const GroupMechanism& group : groups) table.rows.push_back(row_of(group));
  return to_text(table, width) + "\n" +
         folded(fmt::format("Median [{:.0f} % bootstrap interval] over the runs; W1 to W10: a sign "
                            "for each run, + supported, - refuted, ? undecided, . does not apply; "
                            "of W6 p position-selected, m mask-selected, x mixed. `waiver probe "
                            "--hypotheses` says what counts as what.",
                            100 * kLevel),
                width);
}

}  // namespace

std::string study_mechanism(const fs::path& folder, int64_t width) {
  const std::vector<GroupMechanism> groups = find_all(folder);
  if (groups.empty())
    throw UsageError(folder.string(), "no run of this sweep is finished",
                     "`waiver sweep … --resume` continues it.");
  Json all;
  for (const GroupMechanism& group : groups) {
    auto runs = Json::array();
    for (const RunMechanism& run : group.runs) {
      Json one = {{"seed", run.seed}};
      one.update(to_json(run.found));
      runs.push_back(one);
    }
    all["groups"].push_back({{"group", group.name}, {"runs", runs}});
  }
  write_json(folder / "mechanism.json", all);
  return table_of(groups, width);
}

}  // namespace waiver
