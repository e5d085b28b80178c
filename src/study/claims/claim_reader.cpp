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

// Takes a condition out of a claim.
std::optional<Where> take_where(Node& item, const std::string& name, const std::string& key,
                                Complaints& complaints) {
  const Node::Entry* entry = item.find(name);
  if (!entry) return {};
  std::optional<Where> where;
  if (entry->value.is_map())
    where.emplace(entry->value, complaints, key + "." + name + ": ");
  else
    complaints.add(entry->place, key + "." + name,
                   "expected a block of settings, such as {model.position.kind: none}");
  std::erase_if(item.entries, [&](const Node::Entry& e) { return e.name == name; });
  return where;
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
  claim.written = item;
  if (item.is_map()) {
    const bool paired = item.find("against") != nullptr;
    claim.where = take_where(item, "where", key, complaints);
    claim.against = take_where(item, "against", key, complaints);
    if (const Node::Entry* measure = item.find("measure"))
      claim.definition = emit_flow(measure->value);
    if (const Node::Entry* compare = item.find("compare"); compare && !paired)
      complaints.add(compare->place, key + ".compare", "only with `against` is there a comparison");
  }
  read_item(
      item, key, claim, [](FieldVisitor& v, Claim& c) { c.visit(v); },
      {separate_key(key + ".where"), separate_key(key + ".against")}, complaints);
  if (claim.id.find_first_not_of(kIdCharacters) != claim.id.npos)
    complaints.add(
        place_of(claim.written, "id"), key + ".id",
        fmt::format("expected letters, digits, '.', '_' and '-', found \"{}\"", claim.id));
  if (item.is_map()) check_expectation(claim.written, key, claim.expect, complaints);
  return claim;
}

/// Selects the runs of one claim.
struct Selection {
  std::span<const StudyRun> runs;
  const std::vector<Node>& configs;
  Complaints& complaints;
  const Node& item;
  std::string key;

  std::vector<size_t> find(const std::string& name, const std::optional<Where>& where) const {
    std::vector<size_t> found;
    for (size_t i = 0; i < configs.size(); ++i) {
      check_stop();
      if (!where || where->holds(configs[i])) found.push_back(i);
    }
    if (found.empty()) where->complain(key + "." + name, configs, complaints);
    return found;
  }

  void pair(Claim& claim) const {
    if (claim.runs.empty() || claim.others.empty()) return;
    Complaints own;
    const auto first = by_seed("where", claim.runs, own),
               second = by_seed("against", claim.others, own);
    claim.runs.clear();
    claim.others.clear();
    for (const auto& [seed, run] : first) {
      if (!own.empty()) break;
      const auto other = second.find(seed);
      if (other == second.end())
        own.add(place_of(item, "against"), key + ".against",
                fmt::format("there is no run of the seed of {} here", runs[run].name),
                "Each run of where is compared with the run of the same seed.");
      else if (other->second == run)
        own.add(place_of(item, "against"), key + ".against",
                fmt::format("{} would be compared with itself", runs[run].name),
                "Add settings that tell the two apart.");
      else {
        claim.runs.push_back(run);
        claim.others.push_back(other->second);
      }
    }
    complaints.add(own);
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

 private:
  // Complains of a seed with two runs.
  std::map<int64_t, size_t> by_seed(const std::string& name, const std::vector<size_t>& selected,
                                    Complaints& own) const {
    std::map<int64_t, size_t> out;
    for (const size_t i : selected)
      if (const auto [at, fresh] = out.emplace(runs[i].seed, i); !fresh) {
        own.add(place_of(item, name), key + "." + name,
                fmt::format("{} and {} have the same seed, so pairs are not unique",
                            runs[at->second].name, runs[i].name),
                "Add settings that tell them apart.");
        break;
      }
    return out;
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

void select_runs(std::vector<Claim>& claims, std::span<const StudyRun> runs,
                 Complaints& complaints) {
  if (claims.empty()) return;
  std::vector<Node> configs;
  for (const StudyRun& run : runs)
    configs.push_back(parse_yaml(to_yaml(run.config), "the config of " + run.name));
  for (size_t i = 0; i < claims.size(); ++i) {
    Claim& claim = claims[i];
    const Selection select{runs, configs, complaints, claim.written, claim_key(i)};
    claim.runs = select.find("where", claim.where);
    if (claim.paired()) {
      claim.others = select.find("against", claim.against);
      select.pair(claim);
    }
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
