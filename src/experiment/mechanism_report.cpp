#include "experiment/mechanism_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "experiment/run_directory.h"
#include "experiment/sweep_index.h"
#include "experiment/table.h"
#include "probe/bootstrap.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

std::string head_names(const std::vector<HeadIndex>& heads) {
  std::vector<std::string> names;
  for (const HeadIndex& h : heads) names.push_back(fmt::format("{}.{}", h.layer, h.head));
  return fmt::format("{}", fmt::join(names, " "));
}

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
    if (groups.empty() || groups.back().name != run.group) groups.push_back({run.group, {}});
    groups.back().runs.push_back({run.seed, mechanism_of(load_saved(place.string(), {}, {.probes = true}))});
  }
  return groups;
}

char sign_of(const std::string& outcome) {
  if (outcome == "supported") return '+';
  if (outcome == "refuted") return '-';
  if (outcome == "undecided") return '?';
  if (outcome == "does not apply") return '.';
  return outcome == "mixed" ? 'x' : outcome[0];  // W6: p, m
}

// What the runs of a group say, each once, with how many say so.
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
  const MedianInterval m = bootstrap_median(all);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", m.median, m.low, m.high);
}

std::vector<std::string> row_of(const GroupMechanism& group) {
  std::vector<std::string> row = {
      group.name,
      counts(group, [](const Mechanism& m) { return m.selected_by; }),
      counts(group,
             [](const Mechanism& m) {
               return m.status == "neither" ? m.status
                                            : fmt::format("{} at {}", m.status, m.waiver);
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
    row.push_back(signs);
  }
  return row;
}

std::string table_of(const std::vector<GroupMechanism>& groups) {
  std::vector<std::vector<std::string>> rows = {{"mechanism", "selected by", "status",
                                                 "follows encoding", "follows content",
                                                 "follows both", "α", "r_V", "loss"}};
  for (const Hypothesis& h : hypotheses()) rows[0].emplace_back(h.id);
  for (const GroupMechanism& group : groups) rows.push_back(row_of(group));
  return aligned(rows) +
         fmt::format(
             "\nMedian [{:.0f} % bootstrap interval] over the runs; W1 to W10: a sign for each "
             "run, + supported, - refuted,\n? undecided, . does not apply; of W6 p "
             "position-selected, m mask-selected, x mixed. `waiver probe --hypotheses` says what\n"
             "counts as what.\n",
             100 * kLevel);
}

}  // namespace

Mechanism mechanism_of(const SavedModel& saved) {
  if (saved.data->features() > 0)
    throw UsageError(saved.checkpoint.string(),
                     "the mechanism tests swap and replace tokens, and this model takes features");
  const ModelConfig& model = saved.config.model;
  if (static_cast<int64_t>(model.attention.absent.size()) == model.layers)
    throw UsageError(saved.checkpoint.string(), "this model has no attention to be selected by");
  Prober prober(*saved.model, *saved.data, saved.config.probe,
                static_cast<uint64_t>(saved.config.seed.data));
  return find_mechanism(*saved.model, prober, saved.config.probe.waiver);
}

Json to_json(const Mechanism& m) {
  Json out = {{"waiver", m.waiver}, {"status", m.status}, {"heads", Json::array()}};
  for (const HeadIndex& h : m.heads) out["heads"].push_back({{"layer", h.layer}, {"head", h.head}});
  out["others"] = m.others;
  out["received_attention"] = number(m.received);
  out["enrichment"] = number(m.enrichment);
  out["value_ratio"] = number(m.value_ratio);
  out["follows"] = {{"encoding", number(m.follows.encoding)},
                    {"content", number(m.follows.content)},
                    {"both", number(m.follows.both)}};
  out["selected_by"] = m.selected_by;
  out["loss"] = number(m.loss);
  for (const Finding& f : m.findings) {
    Json& one = out["hypotheses"][f.id] = {{"outcome", f.outcome}};
    if (!f.note.empty()) one["note"] = f.note;
    for (const auto& [name, value] : f.numbers) one[name] = number(value);
  }
  return out;
}

void write_mechanism(Log& log, const Mechanism& m) {
  const auto number = [&](const std::string& name, const std::string& text, double value) {
    log.set({"mechanism", name, {}, "1", name, text}, std::span<const double>(&value, 1));
  };
  const auto word = [&](const std::string& name, const std::string& text,
                        const std::string& value) {
    log.set({"mechanism", name, {}, "1", name, text}, std::span<const std::string>(&value, 1));
  };
  word("selected_by", "mask, position encoding, feature distribution, mixed or nothing",
       m.selected_by);
  word("status", "of the waiver: waiver, sink only or neither", m.status);
  number("waiver", "position of the key whose selection was studied",
         static_cast<double>(m.waiver));
  const std::string moves = "share of its attention that moves with what is swapped: ";
  number("follows_encoding", moves + "position ids", m.follows.encoding);
  number("follows_content", moves + "tokens", m.follows.content);
  number("follows_both", moves + "both", m.follows.both);
  for (size_t i = 0; i < m.findings.size(); ++i) {
    const Finding& f = m.findings[i];
    const Hypothesis& h = hypotheses()[i];
    word(f.id, fmt::format("{}: {}", h.claim, h.measure), f.outcome);
    for (const auto& [name, value] : f.numbers)
      number(fmt::format("{}_{}", f.id, name), std::string(h.claim), value);
  }
}

std::string to_text(const Mechanism& m) {
  std::string text = fmt::format(
      "{:<14}position {}, heads {}: α {:.3f}, E {:.2f}, r_V {:.3f} ({})\n"
      "selected by   {}\n"
      "follows       encoding {:.2f}, content {:.2f}, both {:.2f}, against positions {}\n\n",
      m.status == "waiver"    ? "waiver"
      : m.status == "neither" ? "strongest key"
                              : "sink",
      m.waiver, head_names(m.heads), m.received, m.enrichment, m.value_ratio, m.status,
      m.selected_by, m.follows.encoding, m.follows.content, m.follows.both,
      fmt::join(m.others, ", "));
  for (size_t i = 0; i < m.findings.size(); ++i) {
    const Finding& f = m.findings[i];
    std::vector<std::string> numbers;
    for (const auto& [name, value] : f.numbers)
      numbers.push_back(std::isfinite(value) ? fmt::format("{} {:.3g}", name, value)
                                             : fmt::format("{} –", name));
    text += fmt::format("{:<5}{:<19}{}\n", f.id, f.outcome, hypotheses()[i].claim);
    const std::string note = f.note.empty() ? "" : f.note + (numbers.empty() ? "" : "; ");
    if (!note.empty() || !numbers.empty())
      text += fmt::format("{:24}{}{}\n", "", note, fmt::join(numbers, ", "));
  }
  return text;
}

std::string study_mechanism(const fs::path& folder) {
  const std::vector<GroupMechanism> groups = find_all(folder);
  if (groups.empty())
    throw UsageError(folder.string(), "no run of this sweep is finished",
                     "`waiver sweep … --resume` goes on with it.");
  Json all;
  for (const GroupMechanism& group : groups) {
    Json runs = Json::array();
    for (const RunMechanism& run : group.runs) {
      Json one = {{"seed", run.seed}};
      one.update(to_json(run.found));
      runs.push_back(one);
    }
    all["groups"].push_back({{"group", group.name}, {"runs", runs}});
  }
  write_atomically(folder / "mechanism.json", all.dump(2) + "\n");
  return table_of(groups);
}

std::string hypothesis_docs() {
  std::string text = "| id | claim | supported, refuted |\n|---|---|---|\n";
  for (const Hypothesis& h : hypotheses())
    text += fmt::format("| {} | {} | {} |\n", h.id, h.claim, h.measure);
  return text;
}

}  // namespace waiver
