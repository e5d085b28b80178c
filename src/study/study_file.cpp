#include "study/study_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "config/config.h"
#include "config/document.h"
#include "config/names.h"
#include "config/overlay.h"
#include "config/reader.h"
#include "config/suggest.h"

namespace waiver {
namespace {

constexpr const char* kBlocks[] = {"set",  "grid",   "pairs",  "overrides",
                                   "skip", "claims", "curves", "published"};

/// The keys that hold a value; the blocks hold keys of a config.
struct StudyValues {
  StudyFile& file;

  void visit(FieldVisitor& v) {
    v.field({"title", "the title of the study"}, file.title);
    v.field({"question", "the question that it is meant to answer"}, file.question);
    v.field(Field{"base", "a run config, relative to this file"}.must_be_given(), file.base);
    v.field({"seeds", "each is the value of seed_keys in one run", at_least(0)}, file.seeds);
    v.field(
        {"seed_keys",
         "what each seed sets: seed.init, seed.data, and further keys that take a seed, such as "
         "data.gate_seed"},
        file.seed_keys);
  }
};

std::vector<KeyInfo> study_keys() {
  StudyFile file;
  auto keys = collect_keys([&](FieldVisitor& v) { StudyValues{file}.visit(v); });
  for (const char* name : kBlocks) keys.push_back({name, KeyInfo::Type::block, "", "", "", {}});
  return keys;
}

/// A key that differs between runs, and what makes it differ.
struct Varied {
  std::string key, by;
};

bool overlap(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + ".") || b.starts_with(a + ".");
}

/// The blocks of a study's file, each taken out of it and checked.
class Blocks {
 public:
  Blocks(Node& file, StudyFile& out, Complaints& complaints)
      : file_(file), out_(out), complaints_(complaints) {}

  void read(const Node& last) {
    const Node set = take("set", Node::map());
    const Node pairs = take("pairs", Node::list()), grid = take("grid", Node::map());
    const Node overrides = take("overrides", Node::list()), skip = take("skip", Node::list());
    out_.published = take("published", Node::map());
    out_.claims = read_claims(take("claims", Node::list()), complaints_);
    out_.curves = read_curves(take("curves", Node::list()), complaints_);
    add_pairs(pairs);
    for (const Node::Entry& axis : grid.entries) add_axis(axis);
    out_.set = nested_settings(set);
    for_each_leaf(out_.set, "", [&](const std::string& key, const Node::Entry& entry) {
      check_seed(key, entry.place);
    });
    for (const Node& one : overrides.items) add_override(one);
    for (const Node& one : skip.items)
      if (is_block(one, "skip")) out_.skip.emplace_back(one, complaints_);
    check_free(last);
  }

 private:
  // Takes a block out of the file: `empty` where it is not given.
  Node take(const std::string& name, const Node& empty) {
    const Node::Entry* entry = file_.find(name);
    Node block = entry ? entry->value : empty;
    if (!block.is_null() && block.kind != empty.kind)
      complaints_.add(block.place, name,
                      empty.is_map() ? "expected a block of keys" : "expected a list of blocks");
    if (block.kind != empty.kind) block = empty;
    std::erase_if(file_.entries, [&](const Node::Entry& e) { return e.name == name; });
    return block;
  }

  bool is_block(const Node& node, const std::string& name) {
    const bool good = node.is_map() && !node.entries.empty();
    if (!good) complaints_.add(node.place, name, "expected a block of keys");
    return good;
  }

  void check_seed(const std::string& key, const Place& place) {
    for (const std::string& of_seeds : out_.seed_keys)
      if (overlap(key, of_seeds))
        return complaints_.add(place, key, "the study's seeds set it", "Write seeds: [0, 1, 2].");
  }

  // What the study varies may not also be set.
  void check_free(const Node& settings) {
    for_each_leaf(settings, "", [&](const std::string& key, const Node::Entry& entry) {
      check_seed(key, entry.place);
      for (const Varied& varied : varied_)
        if (overlap(key, varied.key))
          complaints_.add(entry.place, key, fmt::format("{} {} already", varied.by, varied.key));
    });
  }

  void vary(const std::string& key, const Place& place, const std::string& by) {
    check_seed(key, place);
    const auto same = [&](const Varied& v) { return v.by != by && overlap(v.key, key); };
    if (const auto at = std::ranges::find_if(varied_, same); at != varied_.end())
      complaints_.add(place, key, fmt::format("{} {} already", at->by, at->key));
    else
      varied_.push_back({key, by});
  }

  void add_axis(const Node::Entry& axis) {
    vary(axis.name, axis.place, "the grid varies");
    if (!axis.value.is_list())
      complaints_.add(axis.place, axis.name, "expected a list of values",
                      axis.value.is_scalar() ? "Write [" + axis.value.scalar + "]." : "");
    else if (axis.value.items.empty())
      complaints_.add(axis.value.place, axis.name, "the list of values is empty");
    std::vector<StudyPoint> points;
    for (const Node& value : axis.value.items)
      points.push_back({nested(axis.name, value.place, value), setting_name(axis.name, value)});
    out_.axes.push_back(std::move(points));
  }

  void add_pairs(const Node& pairs) {
    std::vector<StudyPoint> points;
    for (Node point : pairs.items) {
      if (!is_block(point, "pairs")) continue;
      const std::string name = own_name(point);
      const Node settings = nested_settings(point);
      for_each_leaf(settings, "", [&](const std::string& key, const Node::Entry& entry) {
        vary(key, entry.place, "the pairs vary");
      });
      points.push_back({settings, name.empty() ? settings_name(settings, "") : name});
    }
    if (!points.empty()) out_.axes.push_back(std::move(points));
  }

  // The name of each setting, a kind with its options being one.
  static std::string settings_name(const Node& settings, const std::string& prefix) {
    std::string name;
    for (const Node::Entry& entry : settings.entries) {
      const std::string key = prefix + entry.name;
      const bool block = entry.value.is_map() && !kind_of_block(config_keys(), key);
      name += (name.empty() ? "" : ",") +
              (block ? settings_name(entry.value, key + ".") : setting_name(key, entry.value));
    }
    return name;
  }

  // Takes the name that a point of `pairs` gives itself; empty where it gives none.
  std::string own_name(Node& point) {
    const Node::Entry* entry = point.find("name");
    if (!entry) return "";
    const Node value = entry->value;
    if (!value.is_scalar() || value.scalar.empty() || plain_name(value.scalar) != value.scalar)
      complaints_.add(value.place, "pairs.name",
                      "expected a word of letters, digits and . _ = + -");
    std::erase_if(point.entries, [](const Node::Entry& e) { return e.name == "name"; });
    return value.scalar;
  }

  void add_override(const Node& one) {
    if (!is_block(one, "overrides")) return;
    static const Choice parts[] = {{"where", ""}, {"set", ""}};
    for (const Node::Entry& entry : one.entries)
      if (!find_choice(parts, entry.name))
        complaints_.add(entry.place, "overrides." + entry.name, "unknown key",
                        nearest_choice(parts, entry.name));
    const Node::Entry *where = one.find("where"), *set = one.find("set");
    for (const auto& [name, part] : {std::pair("where", where), std::pair("set", set)})
      if (!part || !part->value.is_map() || part->value.entries.empty())
        complaints_.add(part ? part->value.place : one.place, fmt::format("overrides.{}", name),
                        "expected a block of keys",
                        "For example {where: {model.position: rope}, set: {train: {steps: 500}}}.");
    if (!where || !set || !where->value.is_map()) return;
    out_.overrides.push_back({Where(where->value, complaints_), nested_settings(set->value)});
    check_free(out_.overrides.back().settings);
  }

  Node& file_;
  StudyFile& out_;
  Complaints& complaints_;
  std::vector<Varied> varied_;
};

void check_seed_key(const Node& key, const std::vector<std::string>& before,
                    Complaints& complaints) {
  const auto complain = [&](const std::string& what, const std::string& hint) {
    complaints.add(key.place, "seed_keys", what, hint);
  };
  const auto& keys = config_keys();
  const std::string& name = key.scalar;
  const auto info = std::ranges::find(keys, name, &KeyInfo::name);
  if (!key.is_scalar() || info == keys.end())
    complain(fmt::format("there is no key {}", name.empty() ? "without a name" : name),
             nearest_key(keys, name));
  else if (info->type != KeyInfo::Type::value ||
           (!name.ends_with("seed") && !name.starts_with("seed.")))
    complain(fmt::format("{} takes no seed", name), "seed.init, seed.data and data.gate_seed do.");
  else if (std::ranges::find(before, name) != before.end())
    complain(fmt::format("{} is there twice", name), "");
}

}  // namespace

StudyFile StudyFile::read(const std::string& text, const std::string& path, const Node& last,
                          Complaints& complaints) {
  Node top = read_map(text, path, complaints);
  require_document(top, path, Document::experiment);
  StudyFile out;
  const Place seeds_place = place_of(top, "seeds");
  out.base_place = place_of(top, "base");
  out.axes_key = top.find("grid") ? "grid" : "pairs";
  out.axes_place = place_of(top, out.axes_key);
  out.seed_keys_place = place_of(top, "seed_keys");
  out.skip_place = place_of(top, "skip");
  if (const Node::Entry* keys = top.find("seed_keys"); keys && keys->value.is_list()) {
    out.seed_keys.clear();  // blocks are checked against them before the other keys are read
    for (const Node& key : keys->value.items) {
      check_seed_key(key, out.seed_keys, complaints);
      out.seed_keys.push_back(key.scalar);
    }
    if (out.seed_keys.empty())
      complaints.add(out.seed_keys_place, "seed_keys", "the list is empty");
    complaints.throw_if_any();  // else runs with impossible keys would be made
  }
  Blocks(top, out, complaints).read(last);
  read_fields(
      top, [&](FieldVisitor& v) { StudyValues{out}.visit(v); }, study_keys(), complaints);
  if (out.seeds.empty()) complaints.add(seeds_place, "seeds", "the list is empty");
  for (size_t i = 0; i < out.seeds.size(); ++i)
    if (std::count(out.seeds.begin(), out.seeds.begin() + static_cast<std::ptrdiff_t>(i),
                   out.seeds[i]) > 0)
      complaints.add(seeds_place, "seeds", fmt::format("{} is there twice", out.seeds[i]));
  if (out.count() > kMostRuns)
    complaints.add(out.axes.empty() ? seeds_place : out.axes_place,
                   out.axes.empty() ? "seeds" : out.axes_key,
                   fmt::format("this makes more than {} runs", kMostRuns));
  return out;
}

size_t StudyFile::count() const {
  size_t count = seeds.size();
  for (const auto& axis : axes) count = std::min(count * axis.size(), kMostRuns + 1);
  return count;
}

bool is_study(const std::string& path) {
  return document_of(parse_yaml(read_text(path), path)) == Document::experiment;
}

}  // namespace waiver
