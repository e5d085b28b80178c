#include "run/story/story_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/config.h"
#include "core/text/shell.h"
#include "core/text/sparkline.h"
#include "core/text/table.h"
#include "run/console.h"
#include "run/story/story.h"

namespace waiver {
namespace {

constexpr int64_t kWidest = 80;

struct Curve {
  std::string name;
  const std::vector<double>& values;
  double threshold;
};

// The ends of the axis, and the step at which it emerged where there is room between them.
std::string axis_of(const Story& s, int64_t left, int64_t columns) {
  const std::string first = std::to_string(s.steps.front()), last = std::to_string(s.steps.back());
  const int64_t begin = s.when.emerged() ? s.when.onset : s.when.since;
  std::string axis = fmt::format("{:<{}}{}", "step", left, first);
  int64_t used = std::ssize(first);
  const auto go_to = [&](int64_t column) {
    axis.append(static_cast<size_t>(std::max<int64_t>(1, column - used)), ' ');
    used = column;
  };
  if (begin >= 0) {
    const std::string mark = std::to_string(begin);
    const int64_t at = sparkline_column(s.steps, begin, columns), end = at + 1 + std::ssize(mark);
    if (at > used && end + 1 + std::ssize(last) <= columns) {
      go_to(at);
      axis += "↑" + mark;
      used = end;
    }
  }
  if (s.steps.size() > 1) {
    go_to(columns - std::ssize(last));
    axis += last;
  }
  return axis;
}

// α, E and r_V, each from 0 to its largest value or its threshold, and below them when it emerged.
std::string plot_of(const Story& s, int64_t width) {
  constexpr int64_t kLeast = 8;
  const Curve curves[] = {{"attention", s.attention, s.thresholds.received_attention},
                          {"enrichment", s.enrichment, s.thresholds.enrichment},
                          {"value ratio", s.value_ratio, s.thresholds.value_ratio}};
  int64_t names = 0, before = 0, after = 0;
  for (const Curve& c : curves) {
    if (c.values.empty()) continue;
    names = std::max(names, std::ssize(c.name));
    before = std::max(before, std::ssize(short_number(c.values.front())));
    after = std::max(after, std::ssize(short_number(c.values.back())));
  }
  const int64_t left = names + before + 3, columns = std::max(kLeast, width - left - after - 1);
  std::string text;
  for (const Curve& c : curves) {
    if (c.values.empty()) continue;
    double top = c.threshold;
    for (const double x : c.values)
      if (std::isfinite(x)) top = std::max(top, x);
    text +=
        fmt::format("{:<{}}  {:>{}} {} {}\n", c.name, names, short_number(c.values.front()), before,
                    sparkline(s.steps, c.values, top, columns), short_number(c.values.back()));
  }
  return fmt::format("layer {}, head {}, {}\n{}{}\n", s.at.layer, s.at.head, s.key_text(), text,
                     axis_of(s, left, columns));
}

// The key as the mechanism tests name it.
std::string key_of(const Story& s) {
  return s.at.key >= 0 ? fmt::format("position {}", s.at.key) : s.at.key_name();
}

std::string selection_text(const Story& story, const std::optional<Selection>& known,
                           const Config& config, const std::string& run, bool finished) {
  if (known) {
    std::string text = "Selected by: " + selected_by_text(*known);
    const bool elsewhere = known->key != key_of(story), earlier = known->step < story.steps.back();
    if (elsewhere) text += fmt::format(", as for {}", known->key);
    if (earlier) text += fmt::format(", at step {}", known->step);
    return text + "\n";
  }
  if (!finished || !story.has_waiver() ||
      !refuse_mechanism(config.model, config.probe_tokens()).empty())
    return "";
  return fmt::format("What selects it: waiver probe {} --mechanism --all-checkpoints\n", run);
}

}  // namespace

std::string story_report(const Log& log, const std::filesystem::path& folder,
                         const std::optional<Selection>& selection, bool finished, int64_t width) {
  const Config config = parse_config(log.config(), log.path().string());
  const std::string run = shell_word(folder.string());
  width = width > 0 ? std::min(width, kWidest) : kWidest;
  std::string text;
  if (const auto story = story_of(log, config.probe)) {
    text = folded(sentence_of(*story), width) + "\n" + plot_of(*story, width) + "\n" +
           selection_text(*story, selection, config, run, finished);
  } else {
    text = folded(sentence_without_story(log, config.probe), width) + "\n";
  }
  if (const auto steps = log.steps("train"); !steps.empty())
    text +=
        fmt::format("Time: {} until step {}\n", duration_text(logged_seconds(log)), steps.back());
  return finished ? text + fmt::format("Next: waiver report {}\n", run) : text;
}

}  // namespace waiver
