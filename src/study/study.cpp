#include "study/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "config/overlay.h"
#include "core/stop.h"
#include "study/published_curves.h"
#include "study/study_file.h"

namespace waiver {
namespace {

/// One run before its config is read.
struct SeededPoint {
  StudyPoint point;
  std::string group;  // the name without the seed
  int64_t seed = 0;

  SeededPoint with(const StudyPoint& more) const {
    SeededPoint out = *this;
    merge(out.point.settings, more.settings, config_keys(), false);
    out.point.name += (point.name.empty() ? "" : ",") + more.name;
    return out;
  }
};

std::vector<SeededPoint> expand(const StudyFile& file) {
  std::vector<SeededPoint> points = {{{Node::map(), ""}, ""}};
  for (const std::vector<StudyPoint>& axis : file.axes) {
    std::vector<SeededPoint> more;
    for (const SeededPoint& point : points)
      for (const StudyPoint& value : axis) more.push_back(point.with(value));
    points = std::move(more);
  }
  std::vector<SeededPoint> seeded;
  for (const SeededPoint& point : points)
    for (const int64_t seed : file.seeds) {
      StudyPoint set{Node::map(), fmt::format("seed={}", seed)};
      for (const std::string& key : file.seed_keys)
        merge(set.settings, nested(key, file.seed_keys_place, Node::text(std::to_string(seed))),
              config_keys(), false);
      seeded.push_back(point.with(set));
      seeded.back().group = point.point.name;
      seeded.back().seed = seed;
    }
  return seeded;
}

/// The runs of a study's file over its base.
class RunMaker {
 public:
  RunMaker(const StudyFile& file, const Node& base, const Node& last, Complaints& complaints)
      : file_(file), base_(base), last_(last), complaints_(complaints) {}

  std::vector<StudyRun> make() {
    const std::vector<SeededPoint> points = unskipped(expand(file_));
    std::vector<StudyRun> runs;
    for (const SeededPoint& point : points) {
      check_stop();
      runs.push_back(make(point));
    }
    return runs;
  }

 private:
  // What the base, `set` and the point make of a run: what conditions are about.
  Node config_of(const SeededPoint& point) const {
    Node config = base_;
    for (const Node& above : {file_.set, point.point.settings})
      merge(config, above, config_keys(), true);
    return config;
  }

  std::vector<SeededPoint> unskipped(std::vector<SeededPoint> points) {
    if (file_.skip.empty() && file_.overrides.empty()) return points;
    std::vector<Node> configs;
    for (const SeededPoint& point : points) configs.push_back(config_of(point));
    for (const Where& where : file_.skip) require_some(where, "skip", configs);
    std::vector<SeededPoint> kept;
    std::vector<Node> kept_configs;
    for (size_t i = 0; i < points.size(); ++i) {
      const auto skips = [&](const Where& where) { return where.holds(configs[i]); };
      if (std::ranges::any_of(file_.skip, skips)) continue;
      kept.push_back(std::move(points[i]));
      kept_configs.push_back(std::move(configs[i]));
    }
    if (kept.empty()) complaints_.add(file_.skip_place, "skip", "it leaves no run");
    for (const StudyOverride& over : file_.overrides)
      if (!kept.empty()) require_some(over.where, "overrides.where", kept_configs);
    return kept;
  }

  void require_some(const Where& where, const std::string& block,
                    const std::vector<Node>& configs) {
    const auto holds = [&](const Node& config) { return where.holds(config); };
    if (std::ranges::none_of(configs, holds)) where.complain(block, configs, complaints_);
  }

  StudyRun make(const SeededPoint& point) {
    Node settings = file_.set;
    merge(settings, point.point.settings, config_keys(), false);
    if (!file_.overrides.empty()) {
      const Node config = config_of(point);
      for (const StudyOverride& over : file_.overrides)
        if (over.where.holds(config)) merge(settings, over.settings, config_keys(), false);
    }
    merge(settings, last_, config_keys(), false);
    Node whole = base_;
    merge(whole, settings, config_keys(), true);
    StudyRun run{capped_name(point.point.name),
                 point.group,
                 {},
                 read_config(whole, complaints_),
                 point.seed};
    for_each_leaf(settings, "", [&](const std::string& key, const Node::Entry& entry) {
      run.overrides.push_back(key + "=" + emit_flow(entry.value));
    });
    return run;
  }

  const StudyFile& file_;
  const Node &base_, &last_;
  Complaints& complaints_;
};

// The runs as the file has them, which claims are about: a trial that the command line makes
// shorter lacks nothing of them. `runs` where the file alone makes no sense.
std::vector<StudyRun> as_planned(const std::vector<StudyRun>& runs, const StudyFile& file,
                                 const Node& base, const Node& last) {
  if (last.entries.empty()) return runs;
  Complaints own;
  const Node none = Node::map();
  std::vector<StudyRun> planned = RunMaker(file, base, none, own).make();
  return own.empty() ? planned : runs;
}

// Two runs with one config would be one sample, counted twice.
void refuse_same_configs(const std::vector<StudyRun>& runs, const StudyFile& file,
                         Complaints& complaints) {
  std::map<std::string, std::string> names;
  for (const StudyRun& run : runs)
    if (const auto [same, fresh] = names.emplace(to_yaml(run.config), run.name); !fresh)
      complaints.add(file.axes_place, file.axes_key,
                     fmt::format("{} and {} have the same config", same->second, run.name),
                     "Leave one of them out.");
}

}  // namespace

Study load_study(const std::string& path, std::span<const std::string> overrides) {
  Complaints complaints;
  const std::string text = read_text(path);
  const Node last = read_overrides(overrides, config_keys());
  const StudyFile file = StudyFile::read(text, path, last, complaints);
  complaints.throw_if_any();

  Study study{std::filesystem::path(path).stem().string(),
              text,
              file.title,
              file.question,
              beside(path, file.base),
              {},
              path,
              file.claims,
              file.curves};
  std::vector<std::string> kept;
  for (const KeptCurve& curve : file.curves) kept.push_back(curve.name);
  study.published = read_published(file.published, path, kept, complaints);
  const std::string where = file.base_place.text() + ": base";
  const std::string original = read_text(study.base, where);
  const Node base = read_layers_from(original, study.base, config_keys(), complaints, where);
  study.runs = RunMaker(file, base, last, complaints).make();
  std::set<std::string> names;
  for (StudyRun& run : study.runs) {
    run.config.original = original;
    if (!names.insert(run.name).second)
      complaints.add(file.axes_place, file.axes_key, "two runs would both be called " + run.name);
  }
  complaints.throw_if_any();
  const std::vector<StudyRun> planned = as_planned(study.runs, file, base, last);
  refuse_same_configs(planned, file, complaints);
  select_runs(study.claims, planned, complaints);
  std::vector<const Config*> configs;
  for (const StudyRun& run : planned) configs.push_back(&run.config);
  check_curves(study.curves, configs, complaints);
  complaints.throw_if_any();
  return study;
}

std::vector<size_t> runs_of_claims(const Study& study, std::span<const std::string> ids) {
  std::set<size_t> runs;
  for (const std::string& id : ids) {
    const auto claim = std::ranges::find(study.claims, id, &Claim::id);
    if (claim == study.claims.end()) {
      std::vector<std::string> all;
      for (const Claim& one : study.claims) all.push_back(one.id);
      throw UsageError(
          study.path, fmt::format("this study has no claim \"{}\"", id),
          all.empty() ? "It has none." : fmt::format("It has {}.", fmt::join(all, ", ")));
    }
    for (const auto* some : {&claim->runs, &claim->others}) runs.insert(some->begin(), some->end());
  }
  return {runs.begin(), runs.end()};
}

}  // namespace waiver
