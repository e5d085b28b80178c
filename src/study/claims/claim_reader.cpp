#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "config/overlay.h"
#include "config/reader.h"
#include "config/suggest.h"
#include "core/stop.h"
#include "study/claims/claim.h"
#include "study/study.h"

namespace waiver {
namespace {

constexpr char kIdCharacters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

std::string claim_key(size_t index) { return fmt::format("claims[{}]", index); }

// Takes a map of settings out of a claim; they are read with the keys of a config.
Node take_settings(Node& item, const std::string& name, const std::string& key,
                   Complaints& complaints) {
  const Node::Entry* entry = item.find(name);
  if (!entry) return Node::map();
  Node settings = entry->value;
  if (!settings.is_map()) {
    complaints.add(entry->place, key + "." + name,
                   "expected a block of settings, such as {model.position.kind: none}");
    settings = Node::map();
  }
  Node nest = Node::map(entry->place);
  for (const Node::Entry& each : settings.entries)
    merge(nest, nested(each.name, each.place, each.value), config_keys(), false);
  std::erase_if(item.entries, [&](const Node::Entry& e) { return e.name == name; });
  return nest;
}

void check_expectation(const Node& item, const std::string& key, const Expectation& expect,
                       Complaints& complaints) {
  const auto complain = [&](const std::string& name, const std::string& what,
                            const std::string& hint) {
    complaints.add(place_of(item, name), key + "." + name, what, hint);
  };
  const Node::Entry* block = item.find("expect");
  const Node::Entry* within = block ? block->value.find("within") : nullptr;
  const int given = !std::isnan(expect.above) + !std::isnan(expect.below) + (within != nullptr);
  if (!block || block->value.entries.empty())
    complain("expect", "missing; it has no default",
             "Write {above: x}, {below: x} or {within: [low, high]}.");
  if (given > 1) complain("expect", "only one of above, below and within can be expected", "");
  if (within && within->value.is_list() && within->value.items.size() != 2)
    complain("expect.within", "expected a list of 2 numbers", "Write [low, high].");
  else if (expect.within.size() == 2 && expect.within[0] > expect.within[1])
    complain("expect.within", fmt::format("{} is above {}", expect.within[0], expect.within[1]),
             "Write [low, high].");
}

Claim read_claim(Node item, size_t index, Complaints& complaints) {
  Claim claim;
  const std::string key = claim_key(index);
  const Node whole = item;
  if (item.is_map()) {
    claim.paired = item.find("against") != nullptr;
    claim.where = take_settings(item, "where", key, complaints);
    claim.against = take_settings(item, "against", key, complaints);
    if (const Node::Entry* measure = item.find("measure"))
      claim.definition = emit_flow(measure->value);
    else
      complaints.add(item.place, key + ".measure", "missing; it has no default");
    if (const Node::Entry* compare = item.find("compare"); compare && !claim.paired)
      complaints.add(compare->place, key + ".compare", "only with `against` is there a comparison");
  }
  read_item(
      item, key, claim, [](FieldVisitor& v, Claim& c) { c.visit(v); },
      {separate_key(key + ".where"), separate_key(key + ".against")}, complaints);
  if (claim.id.find_first_not_of(kIdCharacters) != claim.id.npos)
    complaints.add(
        place_of(whole, "id"), key + ".id",
        fmt::format("expected letters, digits, '.', '_' and '-', found \"{}\"", claim.id));
  if (item.is_map()) check_expectation(whole, key, claim.expect, complaints);
  return claim;
}

/// The configs of a study's runs, to be compared with settings.
class Configs {
 public:
  explicit Configs(std::span<const StudyRun> runs) : runs_(runs) {
    for (const StudyRun& run : runs) {
      texts_.push_back(to_yaml(run.config));
      nodes_.push_back(parse_yaml(texts_.back(), "the config of " + run.name));
    }
  }
  // Settings that make every config wrong are complained of; those that make some wrong do not
  // select these.
  std::vector<size_t> that_have(const Node& settings, Complaints& complaints) const {
    std::vector<size_t> found;
    std::optional<Complaints> first;
    bool fits = false;
    for (size_t i = 0; i < runs_.size(); ++i) {
      check_stop();
      Node node = nodes_[i];
      merge(node, settings, config_keys(), true);
      Complaints own;
      const Config config = read_config(node, own);
      if (!own.empty() && !first) first = own;
      fits |= own.empty();
      if (own.empty() && to_yaml(config) == texts_[i]) found.push_back(i);
    }
    if (!fits && first) complaints.add(*first);
    return found;
  }

 private:
  std::span<const StudyRun> runs_;
  std::vector<std::string> texts_;
  std::vector<Node> nodes_;
};

/// Selects the runs of one claim.
struct Selection {
  std::span<const StudyRun> runs;
  const Configs& configs;
  Complaints& complaints;
  const Node& item;
  std::string key;

  std::vector<size_t> find(const std::string& name, const Node& settings) const {
    Complaints own;
    std::vector<size_t> found = configs.that_have(settings, own);
    if (found.empty() && own.empty())
      own.add(place_of(item, name), key + "." + name, "no run of the study has these settings",
              "waiver sweep STUDY --list shows the runs.");
    complaints.add(own);
    return found;
  }

  // By seed; complains of a seed with two runs.
  std::map<int64_t, size_t> by_seed(const std::string& name,
                                    const std::vector<size_t>& selected) const {
    std::map<int64_t, size_t> out;
    for (const size_t i : selected)
      if (const auto [at, fresh] = out.emplace(runs[i].config.seed.init, i); !fresh) {
        complaints.add(place_of(item, name), key + "." + name,
                       fmt::format("{} and {} have the same seed, so pairs are not unique",
                                   runs[at->second].name, runs[i].name),
                       "Add settings that tell them apart.");
        break;
      }
    return out;
  }

  void pair(Claim& claim) const {
    if (claim.runs.empty() || claim.others.empty()) return;
    const auto first = by_seed("where", claim.runs), second = by_seed("against", claim.others);
    claim.runs.clear();
    claim.others.clear();
    for (const auto& [seed, run] : first)
      if (const auto other = second.find(seed); other != second.end()) {
        claim.runs.push_back(run);
        claim.others.push_back(other->second);
      }
    if (claim.runs.empty())
      complaints.add(place_of(item, "against"), key + ".against",
                     "these runs share no seed with those of where");
  }

  void check_measure(const Claim& claim) const {
    const auto complain = [&](const std::string& name, const std::string& what,
                              const std::string& hint) {
      const std::string path = name.empty() ? "measure" : "measure." + name;
      complaints.add(place_of(item, path), key + "." + path, what, hint);
    };
    for (const auto* some : {&claim.runs, &claim.others})
      for (const size_t i : *some) claim.measure->check(runs[i].config, complain);
  }
};

}  // namespace

std::vector<Claim> read_claims(const Node& list, Complaints& complaints) {
  std::vector<Claim> claims;
  if (list.is_null()) return claims;
  if (!list.is_list()) {
    complaints.add(list.place, "claims", "expected a list of claims");
    return claims;
  }
  std::set<std::string> ids;
  for (size_t i = 0; i < list.items.size(); ++i) {
    claims.push_back(read_claim(list.items[i], i, complaints));
    if (const std::string& id = claims.back().id; !id.empty() && !ids.insert(id).second)
      complaints.add(place_of(list.items[i], "id"), claim_key(i) + ".id",
                     fmt::format("two claims are called \"{}\"", id));
  }
  return claims;
}

void select_runs(std::vector<Claim>& claims, const Node& list, std::span<const StudyRun> runs,
                 Complaints& complaints) {
  if (claims.empty()) return;
  const Configs configs(runs);
  for (size_t i = 0; i < claims.size(); ++i) {
    Claim& claim = claims[i];
    const Selection select{runs, configs, complaints, list.items[i], claim_key(i)};
    claim.runs = select.find("where", claim.where);
    if (claim.paired) claim.others = select.find("against", claim.against);
    if (claim.paired) select.pair(claim);
    select.check_measure(claim);
  }
}

std::vector<KeyInfo> claim_keys() {
  return collect_keys([](FieldVisitor& v) {
    Claim claim;
    v.visit({"claims[]", "what the study claims"},
            BlockRef{[&](FieldVisitor& inner) { claim.visit(inner); }});
  });
}

}  // namespace waiver
