#include "inspect/mechanism_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/text/ranges.h"
#include "core/text/table.h"

namespace waiver {
namespace {

// `heads 1.0 1.3`; of many, `179 heads of layers 2–29`.
std::string heads_text(const std::vector<HeadIndex>& heads) {
  constexpr size_t kFew = 16;
  std::vector<std::string> names;
  std::set<int64_t> layers;
  for (const HeadIndex& h : heads) {
    names.push_back(fmt::format("{}.{}", h.layer, h.head));
    layers.insert(h.layer);
  }
  if (names.size() > kFew)
    return fmt::format("{} heads of layers {}", names.size(), ranges_text(layers));
  return fmt::format("heads {}", fmt::join(names, " "));
}

}  // namespace

Mechanism mechanism_of(const SavedModel& saved) {
  const ModelConfig& model = saved.config.model;
  if (static_cast<int64_t>(model.attention.absent.size()) == model.layers)
    throw UsageError(saved.checkpoint.string(), "this model has no attention to be selected by");
  Prober prober(*saved.model, *saved.data, saved.config.probe,
                static_cast<uint64_t>(saved.config.seed.data), When::always);
  return find_mechanism(*saved.model, prober, saved.config.probe.waiver);
}

Json to_json(const Mechanism& m) {
  Json out = {{"waiver", m.waiver},
              {"key", m.key},
              {"queries", m.queries},
              {"status", verdict_text(m.status)},
              {"heads", Json::array()}};
  for (const HeadIndex& h : m.heads) out["heads"].push_back({{"layer", h.layer}, {"head", h.head}});
  out["others"] = m.others;
  out["received_attention"] = json_number(m.received);
  out["enrichment"] = json_number(m.enrichment);
  out["value_ratio"] = json_number(m.value_ratio);
  out["follows"] = {{"encoding", json_number(m.follows.encoding)},
                    {"content", json_number(m.follows.content)},
                    {"both", json_number(m.follows.both)},
                    {"effective", json_number(m.follows.effective)}};
  out["selected_by"] = to_text(m.selected_by);
  out["loss"] = json_number(m.loss);
  out["loss_moved"] = json_number(m.follows.moved);
  for (const Finding& f : m.findings) {
    Json& one = out["hypotheses"][f.id] = {{"outcome", to_text(f.outcome)}};
    if (!f.note.empty()) one["note"] = f.note;
    for (const auto& [name, value] : f.numbers) one[name] = json_number(value);
  }
  return out;
}

std::string to_text(const Mechanism& m, int64_t width) {
  const char* what = m.status == Verdict::waiver    ? "waiver"
                     : m.status == Verdict::neither ? "strongest key"
                                                    : "sink";
  Table waiver = {
      {{Align::left, 13}, {.gap = 1, .wraps = true}},
      {{what, fmt::format("{}, {}: α {:.3f}, E {:.2f}, r_V {:.3f} of {} queries ({})", m.key,
                          heads_text(m.heads), m.received, m.enrichment, m.value_ratio, m.queries,
                          verdict_text(m.status))},
       {"selected by", to_text(m.selected_by)},
       {"follows",
        fmt::format("encoding {:.2f}, content {:.2f}, both {:.2f}{}, against positions {}",
                    m.follows.encoding, m.follows.content, m.follows.both,
                    std::isnan(m.follows.effective)
                        ? ""
                        : fmt::format(", effective encoding {:.2f}", m.follows.effective),
                    fmt::join(m.others, ", "))}}};
  if (std::isfinite(m.follows.moved))
    waiver.rows.push_back(
        {"moved", fmt::format("by effective encodings, it costs {:+.4f} nat", m.follows.moved)});
  Table findings{{{Align::left, 3}, {Align::left, 17}, {.wraps = true}}, {}};
  for (size_t i = 0; i < m.findings.size(); ++i) {
    const Finding& f = m.findings[i];
    std::vector<std::string> numbers;
    for (const auto& [name, value] : f.numbers)
      numbers.push_back(std::isfinite(value) ? fmt::format("{} {:.3g}", name, value)
                                             : fmt::format("{} –", name));
    findings.rows.push_back({f.id, to_text(f.outcome), hypotheses()[i].claim});
    const std::string note = f.note.empty() ? "" : f.note + (numbers.empty() ? "" : "; ");
    if (!note.empty() || !numbers.empty())
      findings.rows.push_back({"", "", fmt::format("{}{}", note, fmt::join(numbers, ", "))});
  }
  return to_text(waiver, width) + "\n" + to_text(findings, width);
}

std::string hypothesis_docs() {
  std::string text = "| id | claim | supported, refuted |\n|---|---|---|\n";
  for (const Hypothesis& h : hypotheses())
    text += fmt::format("| {} | {} | {} |\n", h.id, h.claim, h.measure);
  return text;
}

}  // namespace waiver
