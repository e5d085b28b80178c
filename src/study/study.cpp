#include "study/study.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "config/document.h"
#include "config/overlay.h"
#include "config/reader.h"
#include "core/stop.h"

namespace waiver {
namespace {

constexpr size_t kMostRuns = 10000;

/// The keys of a study's file, besides `set` and `grid`, whose keys are those of a config.
struct StudyFile {
  std::string title, question, base;
  std::vector<int64_t> seeds = {0};

  void visit(FieldVisitor& v) {
    v.field({"title", "the title of the study"}, title);
    v.field({"question", "the question that it is meant to answer"}, question);
    v.field(Field{"base", "a run config, relative to this file"}.must_be_given(), base);
    v.field({"seeds", "each is seed.init and seed.data of one run", at_least(0)}, seeds);
  }
};

std::vector<KeyInfo> study_keys() {
  auto keys = collect_keys([](FieldVisitor& v) { StudyFile{}.visit(v); });
  for (const char* name : {"set", "grid"})
    keys.push_back({name, KeyInfo::Type::block, "", "", "", {}});
  return keys;
}

// Takes a block out of the file; an empty one where it is not given.
Node take_block(Node& file, const std::string& name, Complaints& complaints) {
  const Node::Entry* entry = file.find(name);
  Node block = entry ? entry->value : Node::map();
  if (!block.is_map() && !block.is_null())
    complaints.add(block.place, name, "expected a block of keys");
  if (!block.is_map()) block = Node::map();
  std::erase_if(file.entries, [&](const Node::Entry& e) { return e.name == name; });
  return block;
}

bool overlap(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + ".") || b.starts_with(a + ".");
}

void check_grid(const Node& grid, Complaints& complaints) {
  for (const Node::Entry& axis : grid.entries) {
    if (!axis.value.is_list())
      complaints.add(axis.place, axis.name, "expected a list of values",
                     axis.value.is_scalar() ? "Write [" + axis.value.scalar + "]." : "");
    else if (axis.value.items.empty())
      complaints.add(axis.value.place, axis.name, "the list of values is empty");
  }
}

// What the grid and the seeds vary may not also be set for every run.
void check_free(const Node& settings, const Node& grid, Complaints& complaints) {
  for_each_leaf(settings, "", [&](const std::string& key, const Node::Entry& entry) {
    if (overlap(key, "seed"))
      complaints.add(entry.place, key, "the study's seeds set it", "Write seeds: [0, 1, 2].");
    for (const Node::Entry& axis : grid.entries)
      if (overlap(key, axis.name))
        complaints.add(entry.place, key, "the grid varies " + axis.name + " already");
  });
}

/// One run before its config is read: what is set over the base, and its name.
struct GridPoint {
  Node settings;
  std::string name, group;  // the group is the name without the seed

  GridPoint with(const Node& more, const std::string& part) const {
    GridPoint point = *this;
    merge(point.settings, more, config_keys(), false);
    point.name += (name.empty() ? "" : ",") + part;
    return point;
  }
};

std::vector<GridPoint> expand(const Node& grid, const std::vector<int64_t>& seeds) {
  std::vector<GridPoint> points = {{Node::map(), "", ""}};
  for (const Node::Entry& axis : grid.entries) {
    std::vector<GridPoint> more;
    for (const GridPoint& point : points)
      for (const Node& value : axis.value.items)
        more.push_back(
            point.with(nested(axis.name, value.place, value), setting_name(axis.name, value)));
    points = std::move(more);
  }
  std::vector<GridPoint> seeded;
  for (const GridPoint& point : points)
    for (const int64_t seed : seeds) {
      Node both = Node::map();
      both.add("init", Node::text(std::to_string(seed)));
      both.add("data", Node::text(std::to_string(seed)));
      seeded.push_back(point.with(nested("seed", {}, both), fmt::format("seed={}", seed)));
      seeded.back().group = point.name;
    }
  return seeded;
}

size_t count_runs(const Node& grid, size_t seeds) {
  size_t count = seeds;
  for (const Node::Entry& axis : grid.entries)
    count = std::min(count * axis.value.items.size(), kMostRuns + 1);
  return count;
}

StudyRun make_run(const Node& base, const Node& set, const GridPoint& point, const Node& overrides,
                  Complaints& complaints) {
  Node settings = set;
  merge(settings, point.settings, config_keys(), false);
  merge(settings, overrides, config_keys(), false);
  Node whole = base;
  merge(whole, settings, config_keys(), true);
  StudyRun run{capped_name(point.name), point.group, {}, read_config(whole, complaints)};
  for_each_leaf(settings, "", [&](const std::string& key, const Node::Entry& entry) {
    run.overrides.push_back(key + "=" + emit_flow(entry.value));
  });
  return run;
}

}  // namespace

Study load_study(const std::string& path, std::span<const std::string> overrides) {
  Complaints complaints;
  const std::string text = read_text(path);
  Node file = read_map(text, path, complaints);
  require_document(file, path, Document::experiment);
  const Place grid_place = place_of(file, "grid"), seeds_place = place_of(file, "seeds"),
              base_place = place_of(file, "base");
  const Node set = take_block(file, "set", complaints), grid = take_block(file, "grid", complaints);
  StudyFile read;
  read_fields(
      file, [&](FieldVisitor& v) { read.visit(v); }, study_keys(), complaints);
  const Node last = read_overrides(overrides, config_keys());
  check_grid(grid, complaints);
  check_free(set, Node::map(), complaints);
  check_free(last, grid, complaints);
  if (read.seeds.empty()) complaints.add(seeds_place, "seeds", "the list is empty");
  for (const Node::Entry& axis : grid.entries)
    if (overlap(axis.name, "seed"))
      complaints.add(axis.place, axis.name, "the study's seeds set it", "Write seeds: [0, 1, 2].");
  if (count_runs(grid, read.seeds.size()) > kMostRuns)
    complaints.add(grid_place, "grid", fmt::format("this makes more than {} runs", kMostRuns));
  complaints.throw_if_any();

  Study study{std::filesystem::path(path).stem().string(),
              text,
              read.title,
              read.question,
              beside(path, read.base),
              {}};
  const std::string where = base_place.text() + ": base";
  const std::string original = read_text(study.base, where);
  const Node base = read_layers_from(original, study.base, config_keys(), complaints);
  std::set<std::string> names;
  for (const GridPoint& point : expand(grid, read.seeds)) {
    check_stop();
    study.runs.push_back(make_run(base, set, point, last, complaints));
    study.runs.back().config.original = original;
    if (!names.insert(study.runs.back().name).second)
      complaints.add(grid_place, "grid", "two runs would both be called " + study.runs.back().name);
  }
  complaints.throw_if_any();
  return study;
}

}  // namespace waiver
