#include "study/show/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "config/config.h"
#include "core/error.h"
#include "core/statistics/order.h"
#include "core/text/shell.h"
#include "core/text/table.h"
#include "run/directory.h"
#include "run/story/story.h"
#include "run/story/story_report.h"
#include "study/index.h"
#include "study/show/shown_run.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

constexpr int64_t kShownWidth = 80;

int64_t narrowed(int64_t width) { return width > 0 ? std::min(width, kShownWidth) : kShownWidth; }

// `240`; `240, gone`; `last 2 only`, of the probes; `none`.
std::string emerged_text(const Story& s) {
  if (!s.has_waiver()) return "none";
  if (!s.when.emerged()) return fmt::format("last {} only", s.when.lasting);
  return fmt::format("{}{}", s.when.onset, s.when.lasts() ? "" : ", gone");
}

std::string change_text(const std::vector<double>& series) {
  return fmt::format("{} → {}", short_number(series.front()), short_number(series.back()));
}

/// The rows of a sweep.
struct SweepStories {
  Table finished{{{}, {.wraps = true}, {}, {.wraps = true}, {}, {}, {.wraps = true}},
                 {{"run", "emerged", "head", "key", "attention", "value", "selected by"}},
                 0,
                 true};
  Table unfinished{{{}, {.wraps = true}}, {}};
  struct Group {
    std::string name;
    int64_t runs = 0;
    std::vector<int64_t> onsets;
  };
  std::vector<Group> groups;
  bool asked = false;  // whether any row says what selects

  int64_t emerged() const {
    int64_t count = 0;
    for (const Group& group : groups) count += std::ssize(group.onsets);
    return count;
  }

  void add(const SweepIndex::Run& run, const fs::path& place, const SweepMechanism& mechanism) {
    try {
      if (run_status(place.string()) == "done" && fs::exists(place / "log.h5"))
        add_finished(run, open_shown_run(place), mechanism);
      else
        add_unfinished(run, place);
    } catch (const Error& problem) {
      unfinished.rows.push_back({run.name, fmt::format("unreadable: {}", problem.what())});
    }
  }

 private:
  void add_unfinished(const SweepIndex::Run& run, const fs::path& place) {
    const auto steps = [&]() -> int64_t {
      if (!fs::exists(place / "config.yaml")) return 0;
      return load_config((place / "config.yaml").string(), {}).train.steps;
    };
    const auto [state, more] = unfinished_state(place, steps());
    unfinished.rows.push_back(
        {run.name, more.empty() ? state : fmt::format("{}: {}", state, more)});
  }

  void add_finished(const SweepIndex::Run& run, const ShownRun& shown,
                    const SweepMechanism& mechanism) {
    if (groups.empty() || groups.back().name != run.group) groups.push_back({run.group, 0, {}});
    ++groups.back().runs;
    const auto story = story_of(shown.log, shown.config.probe);
    if (!story) {
      finished.rows.push_back(
          {run.name, Cell(shown.log.steps("probe").empty() ? "no probes" : "no attention", 6)});
      return;
    }
    if (story->when.emerged()) groups.back().onsets.push_back(story->when.onset);
    const auto selection = newest_selection(shown, mechanism.find(run, story->steps.back()));
    asked |= selection.has_value();
    finished.rows.push_back(
        {run.name, emerged_text(*story), fmt::format("{}.{}", story->at.layer, story->at.head),
         story->at.key_name(), change_text(story->attention), change_text(story->value_ratio),
         selection ? selected_by_text(*selection) : ""});
  }
};

// `3 of 3, at step 240 (110 to 280)`
std::string group_text(const SweepStories::Group& group) {
  std::string text = fmt::format("{} of {}", group.onsets.size(), group.runs);
  if (group.onsets.empty()) return text;
  std::vector<double> steps(group.onsets.begin(), group.onsets.end());
  text += fmt::format(", at step {:g}", median(steps));
  const auto [first, last] = std::ranges::minmax(group.onsets);
  if (first != last) text += fmt::format(" ({} to {})", first, last);
  return text;
}

// The rows, and in how many runs of each group one emerged.
std::string finished_text(const SweepStories& all, int64_t width) {
  Table table = all.finished;
  if (!all.asked) {
    table.columns.pop_back();
    for (auto& row : table.rows) {
      if (row.size() > 2) row.pop_back();
      row.back().columns = std::min(row.back().columns, table.columns.size() - 1);
    }
  }
  Table groups{{{}, {.wraps = true}}, {}, 2};
  int64_t runs = 0;
  for (const SweepStories::Group& group : all.groups) {
    runs += group.runs;
    groups.rows.push_back({group.name, group_text(group)});
  }
  const bool several = all.groups.size() > 1 && std::ssize(all.groups) < runs;
  return to_text(table, width) +
         fmt::format("\nA waiver element emerged in {} of {} finished runs{}\n", all.emerged(),
                     runs, several ? ":" : ".") +
         (several ? to_text(groups, width) : "");
}

}  // namespace

std::string show_run(const fs::path& run, int64_t width) {
  const ShownRun shown = open_shown_run(run);
  const int64_t steps = shown.config.train.steps;
  const auto probes = shown.log.steps("probe");
  const int64_t last = probes.empty() ? 0 : probes.back();
  const auto known = newest_selection(shown, selection_in_sweep(run, last));
  if (run_status(run.string()) == "done") return story_report(shown.log, run, known, true, width);
  const auto [state, more] = unfinished_state(run, steps);
  std::string text =
      folded(fmt::format("This run is not finished: {}{}.", state, more.empty() ? "" : ", " + more),
             narrowed(width));
  if (!probes.empty()) text += fmt::format("Its last probe is of step {} of {}.\n", last, steps);
  text += "\n" + story_report(shown.log, run, known, false, width);
  if (state == "running") return text;
  return text + fmt::format("Next: waiver train {} --out {} --resume\n",
                            shell_word((run / "config.yaml").string()), shell_word(run.string()));
}

std::string show_sweep(const fs::path& sweep, int64_t width) {
  const SweepIndex index = SweepIndex::read(sweep);
  const SweepMechanism mechanism(sweep);
  SweepStories all;
  for (const SweepIndex::Run& run : index.runs) all.add(run, sweep / run.name, mechanism);
  std::string text = all.groups.empty() ? "" : finished_text(all, narrowed(width)) + "\n";
  if (!all.unfinished.rows.empty())
    text += fmt::format("Not finished, {} of {} runs:\n{}\n", all.unfinished.rows.size(),
                        index.runs.size(), to_text(all.unfinished, narrowed(width)));
  const std::string folder = shell_word(sweep.string());
  if (all.groups.empty())
    return text + fmt::format("Next: waiver sweep STUDY --out {} --resume\n", folder);
  if (all.emerged() > 0 && !all.asked)
    text += fmt::format("What selects them: waiver probe {} --mechanism\n", folder);
  return text + fmt::format("Next: waiver report {}\n", folder);
}

}  // namespace waiver
